"""Where sessions stand is read off the journal, and nothing contradictory is read over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    CRASHED,
    Event,
    ModelReplied,
    Scored,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Unknown,
    timestamp,
)
from recorder.framing import frame
from recorder.reader import fold_journal
from recorder.standing import Standing, stand

Write = Callable[..., Path]

OPENED = SegmentOpened(
    session="", seq=0, ts=timestamp(0), schema=1, run="r", writer="w", sync="group", version="0"
)
START: Any = (SessionStarted, {"prompt_key": "k", "row_hash": "h", "sample": 2, "tools_hash": "t"})
REPLY: Any = (ModelReplied, {"text": "Hi"})
END: Any = (SessionEnded, {"outcome": "model_error", "reason": "timeout"})
DONE: Any = (SessionEnded, {"outcome": "completed", "reason": "answered"})
RESUMED: Any = (SessionResumed, {"attempt": 2, "previous": "model_error"})
SCORED: Any = (Scored, {"rewards": {"r": 1.0}, "source": "me"})
DREAMT: Any = ("dreamt", {})


def history(*kinds: Any, session: str = "s") -> list[Event]:
    """Number events, given as a kind and its fields, from zero on."""
    return [
        kind(session=session, seq=seq, ts=timestamp(seq), **fields)
        if isinstance(kind, type)
        else unknown(kind, session, seq)
        for seq, (kind, fields) in enumerate(kinds)
    ]


def unknown(tag: str, session: str, seq: int) -> Unknown:
    """Make an event of a later version."""
    raw = f'{{"event":"{tag}","session":"{session}","seq":{seq},"ts":"{timestamp(seq)}"'
    return Unknown(event=tag, session=session, seq=seq, ts=timestamp(seq), raw=raw.encode())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write segments of a journal, each given as its events; gives the folder."""

    def make(*segments: Iterable[Event], tail: bytes = b"") -> Path:
        for number, events in enumerate(segments):
            lines = b"".join(map(frame, (OPENED, *events)))
            (tmp_path / f"{number:05d}-w.jsonl").write_bytes(lines + tail)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("kinds", "standing"),
    [
        ([START], {}),
        ([START, REPLY], {}),
        ([START, END], {"ended": "model_error", "reason": "timeout"}),
        ([START, END, RESUMED], {"attempt": 2}),
        ([START, RESUMED, END], {"ended": "model_error", "reason": "timeout", "attempt": 2}),
        ([START, DONE, SCORED], {"ended": "completed", "reason": "answered", "late": True}),
        ([START, DONE, DREAMT], {"ended": "completed", "reason": "answered", "late": True}),
        ([START, DONE, SCORED, RESUMED], {"attempt": 2}),
        ([DREAMT, START, DREAMT], {}),
    ],
)
def test_a_session_stands_where_its_last_attempt_left_it(write: Write, kinds, standing):
    """Without an end it crashed; what came after the end is noted, and a new attempt forgets it."""
    found = stand(write(history(*kinds))).sessions
    expected = Standing("k", "h", 2, "t", **standing)
    assert found == {"s": expected}
    assert expected.over == (expected.ended != CRASHED)


def test_a_journal_is_read_over_all_its_segments(write: Write):
    """A session goes on in the segment of the next process; sessions keep their order."""
    first, second = history(START, END, RESUMED, REPLY, DONE), history(START, session="a")
    found = stand(write([*first[:2], *second], first[2:]))
    assert found.run == "r"
    assert list(found.sessions) == ["s", "a"]
    assert found.sessions["s"].ended == "completed"
    value = found.statistics.value()
    assert (value.started, value.running, value.resumed) == (2, 1, 1)
    assert value.outcomes == {"completed": 1}


def test_a_fact_that_was_written_twice_counts_once(write: Write):
    """When a disk fills up, the next segment begins with what was not acknowledged."""
    events = history(START, REPLY, DONE)
    found = stand(write(events, events[1:]))
    assert found.statistics.value().replies == 1
    assert found.statistics.value().outcomes == {"completed": 1}


def test_a_torn_tail_is_told_and_nothing_of_it_counts(write: Write):
    """It was never acknowledged."""
    events = history(START, REPLY)
    found = stand(write(events, tail=frame(history(START, REPLY, DONE)[2])[:-9]))
    assert [torn.line for torn in found.torn] == [4]
    assert not found.sessions["s"].over


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([REPLY], "line 2: session 's' never started"),
        ([START, START], "line 3: session 's' started a second time"),
        ([START, END, REPLY], "line 4: session 's' has ended"),
        ([START, END, END], "line 4: session 's' has ended"),
    ],
)
def test_what_contradicts_an_earlier_line_is_corruption(write: Write, kinds, said):
    """As it is where the whole session is folded."""
    folder = write(history(*kinds))
    with pytest.raises(CorruptJournalError, match=said):
        stand(folder)
    with pytest.raises(CorruptJournalError):
        fold_journal(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    """There is nothing to go on with."""
    with pytest.raises(RunDirectoryError, match="nowhere"):
        stand(tmp_path / "nowhere")
