"""What a worker that died has left is found in the journal, whatever the head had heard of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hermes_run.workers.looking_back import look_back
from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import Event, ModelReplied, SegmentOpened, SessionEnded, SessionStarted
from recorder.framing import frame
from recorder.messages import Message
from recorder.reader import fold_journal

TS = "2026-11-22T17:00:00.000Z"
OPENED = SegmentOpened(
    session="", seq=0, ts=TS, schema=1, run="r", writer="w", sync="group", version="0"
)


def facts_of(name: str) -> list[Event]:
    """Give all facts of a session."""
    asked = (Message("user", f"I am {name}"),)
    return [
        SessionStarted(session=name, seq=0, ts=TS, messages=asked),
        ModelReplied(session=name, seq=1, ts=TS, text="Hi"),
        SessionEnded(session=name, seq=2, ts=TS, outcome="completed"),
    ]


@pytest.fixture
def write(tmp_path: Path):
    """Write a segment of the journal; of its last line *torn* bytes are missing."""

    def segment(number: int, events: Sequence[Event], torn: int = 0) -> Path:
        folder = tmp_path / "journal"
        folder.mkdir(exist_ok=True)
        content = b"".join(frame(event) for event in [OPENED, *events])
        (folder / f"{number:05}-w.jsonl").write_bytes(content[: len(content) - torn])
        return tmp_path

    return segment


@pytest.mark.parametrize("heard", range(4))
def test_what_was_not_heard_of_is_news(write, heard):
    """And the session is whole."""
    directory = write(0, [*facts_of("a"), *facts_of("other")])
    found = look_back(directory, {"a": heard})
    assert found.keys() == {"a"}
    assert found["a"].news == tuple(facts_of("a")[heard:])
    assert found["a"].session == fold_journal(directory / "journal").sessions["a"]


def test_a_session_of_which_nothing_was_recorded_is_not_found(write):
    """It was handed out, and nothing came of it."""
    assert look_back(write(0, facts_of("other")), {"a": 0}) == {}


@pytest.mark.parametrize("torn", [1, 2, 30])
def test_what_was_half_written_never_happened(write, torn):
    """The worker was killed while it wrote; a line that lacks its newline only is whole."""
    found = look_back(write(0, facts_of("a"), torn), {"a": 1})
    seen = 3 if torn == 1 else 2
    assert found["a"].news == tuple(facts_of("a")[1:seen])
    assert (found["a"].session.ended is not None) == (torn == 1)


def test_a_session_that_several_workers_had_is_whole(write):
    """Its facts are in the segments of all of them."""
    write(0, facts_of("a")[:1])
    found = look_back(write(3, facts_of("a")[1:]), {"a": 1})
    assert found["a"].news == tuple(facts_of("a")[1:])
    assert found["a"].session.ended


def test_what_stands_there_twice_happened_once(write):
    """Where the disk was full, another segment has it again."""
    write(0, facts_of("a")[:2])
    found = look_back(write(1, facts_of("a")), {"a": 0})
    assert found["a"].news == tuple(facts_of("a"))


def test_a_journal_that_contradicts_itself_is_not_gone_on_with(write):
    """What it says of the session is not known."""
    write(0, facts_of("a")[:2])
    other = ModelReplied(session="a", seq=1, ts=TS, text="something else")
    with pytest.raises(CorruptJournalError):
        look_back(write(1, [other]), {"a": 0})


def test_a_journal_that_is_gone_is_a_fault(tmp_path):
    """It was removed while the run was going on."""
    with pytest.raises(RunDirectoryError):
        look_back(tmp_path, {"a": 0})
