"""A session comes out of the archive as the fold of the whole journal has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.archive import Archive
from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    Event,
    ModelReplied,
    SegmentOpened,
    SessionEnded,
    SessionStarted,
    ToolsDeclared,
    UserSpoke,
    timestamp,
    tools_hash,
)
from recorder.framing import frame
from recorder.messages import Message
from recorder.reader import fold_journal

TOOLS: Any = ({"type": "function", "function": {"name": "f"}},)
OPENED = SegmentOpened(
    session="", seq=0, ts=timestamp(0), schema=1, run="r", writer="w", sync="group", version="0"
)
DECLARED = ToolsDeclared(
    session="", seq=1, ts=timestamp(0), tools_hash=tools_hash(TOOLS), tools=TOOLS
)

Write = Callable[..., Path]


def events(name: str, text: str = "Hi") -> list[Event]:
    """Give a whole session."""
    stamp: Any = {"session": name, "ts": timestamp(1)}
    asked = (Message("user", f"I am {name}"),)
    return [
        SessionStarted(**stamp, seq=0, messages=asked, tools_hash=tools_hash(TOOLS)),
        ModelReplied(**stamp, seq=1, text=text),
        UserSpoke(**stamp, seq=2, content="more"),
        SessionEnded(**stamp, seq=3, outcome="completed"),
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write segments of a journal, each given as its events; gives the folder."""

    def make(*segments: list[Event], tail: bytes = b"") -> Path:
        for number, lines in enumerate(segments):
            content = b"".join(map(frame, (OPENED, DECLARED, *lines))) + tail
            (tmp_path / f"{number:05d}-w.jsonl").write_bytes(content)
        return tmp_path

    return make


def test_every_session_comes_out_as_the_whole_journal_folds_it(write: Write):
    """However its lines are strewn over the segments, and with its tools."""
    one, two = events("one"), events("two", text="a\u2028b")
    folder = write([one[0], two[0], one[1], one[2]], [one[2], two[1], one[3]])
    folded = fold_journal(folder).sessions
    archive = Archive(folder, ["two", "one"])
    assert {name: archive.fold(name) for name in ("one", "two")} == folded
    assert folded["one"].tools == TOOLS


def test_only_what_was_asked_for_is_there(write: Write):
    """The places of other sessions are not kept."""
    archive = Archive(write(events("one") + events("two")), ["two"])
    assert "two" in archive
    assert "one" not in archive
    assert archive.fold("two").id == "two"


def test_lone_surrogates_are_no_obstacle(write: Write):
    """Neither in what was said nor in the name of a session."""
    folder = write(events("\ud800", text="\udc00") + events("one"))
    archive = Archive(folder, ["\ud800", "one"])
    assert archive.fold("\ud800") == fold_journal(folder).sessions["\ud800"]
    assert archive.fold("one").id == "one"


@pytest.mark.parametrize("size", range(1, 60))
def test_a_torn_tail_is_no_part_of_a_session(write: Write, size: int):
    """Wherever it was cut."""
    last = events("one")
    archive = Archive(write(last[:3], tail=frame(last[3])[:size]), ["one"])
    assert archive.fold("one").ended is None


def test_a_last_line_that_only_lacks_its_newline_counts(write: Write):
    """As it does for every reader."""
    last = events("one")
    archive = Archive(write(last[:3], tail=frame(last[3])[:-1]), ["one"])
    assert archive.fold("one").ended


@pytest.mark.parametrize("tail", [b"{}\n", b"\0" * 20 + b"\n", b'{"session":""}\n'])
def test_a_line_that_is_no_fact_is_corruption(write: Write, tail: bytes):
    """The segment and the line are named."""
    folder = write(events("one"), tail=tail)
    with pytest.raises(CorruptJournalError, match=r"00000-w\.jsonl, line 7: "):
        Archive(folder, ["one"])


def test_a_line_that_was_changed_meanwhile_is_not_taken(write: Write):
    """Every line is checked again when it is read."""
    folder = write(events("one"))
    archive = Archive(folder, ["one"])
    path = folder / "00000-w.jsonl"
    path.write_bytes(path.read_bytes().replace(b"more", b"less"))
    with pytest.raises(CorruptJournalError, match=r"00000-w\.jsonl, line 5: the checksum"):
        archive.fold("one")


def test_a_session_of_which_there_is_nothing_is_named(write: Write):
    """An empty session would be begun again from nothing."""
    archive = Archive(write(events("one")), ["ghost"])
    with pytest.raises(CorruptJournalError, match="nothing of session 'ghost'"):
        archive.fold("ghost")


def test_what_can_not_be_read_is_named(write: Write, tmp_path: Path):
    """Both when the journal is looked through and when a session is taken out."""
    with pytest.raises(RunDirectoryError, match="nowhere"):
        Archive(tmp_path / "nowhere", ["one"])
    folder = write(events("one"))
    archive = Archive(folder, ["one"])
    (folder / "00000-w.jsonl").unlink()
    with pytest.raises(RunDirectoryError, match="00000-w"):
        archive.fold("one")


def test_an_archive_of_nothing_reads_nothing(tmp_path: Path):
    """A run of which everything is done costs no second reading."""
    assert "one" not in Archive(tmp_path / "nowhere", [])


@pytest.mark.parametrize("heard", range(5))
def test_a_session_comes_with_its_facts_that_were_not_heard_of(write: Write, heard: int):
    """Each once, over all segments, also where one stands there twice."""
    facts = events("a")
    folder = write([*facts[:2], *events("b")], facts[1:])
    archive = Archive(folder, ["a", "nobody"])
    assert archive.fold_after("a", heard) == (archive.fold("a"), tuple(facts[heard:]))
    assert archive.fold_after("nobody", heard) is None
