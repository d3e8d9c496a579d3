"""Journals to read, written at once: what is counted is the reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from recorder.events import (
    Event,
    ModelReplied,
    SegmentOpened,
    SessionEnded,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    ToolStarted,
    timestamp,
    tools_hash,
)
from recorder.framing import frame
from recorder.messages import Message, ToolCall

NOW = timestamp(1_700_000_000)
TOOLS: tuple[dict[str, Any], ...] = ({"name": "f"},)
FACTS_A_TURN = 3
FACTS_BESIDE = 3
"""A session starts, is answered and ends."""


def session(name: str, turns: int) -> Iterator[Event]:
    """Give the facts of a session that calls so many tools and is then answered."""
    given = (Message("user", "hi"),)
    place: dict[str, Any] = {"session": name, "ts": NOW}
    yield SessionStarted(seq=0, **place, messages=given, tools_hash=tools_hash(TOOLS))
    for seq in range(1, FACTS_A_TURN * turns + 1, FACTS_A_TURN):
        call = ToolCall(f"c{seq}", "f", "{}")
        yield ModelReplied(seq=seq, **place, calls=(call,))
        yield ToolStarted(seq=seq + 1, **place, call_id=call.id, effect="read")
        yield ToolReturned(seq=seq + 2, **place, call_id=call.id, status="ok", output="x")
    last = FACTS_A_TURN * turns + 1
    yield ModelReplied(seq=last, **place, text="done")
    yield SessionEnded(seq=last + 1, **place, outcome="completed")


def facts_of(turns: int) -> int:
    """Count the facts of such a session."""
    return FACTS_A_TURN * turns + FACTS_BESIDE


def one_after_the_other(sessions: int, turns: int) -> Iterator[Event]:
    """Give the facts of many sessions, in the order in which a worker would run them."""
    for number in range(sessions):
        yield from session(f"s{number}", turns)


def side_by_side(sessions: int, turns: int) -> Iterator[Event]:
    """Give the facts of many sessions that run at once."""
    runs = [session(f"s{number}", turns) for number in range(sessions)]
    return (event for events in zip(*runs, strict=True) for event in events)


def write(directory: Path, events: Iterable[Event]) -> Path:
    """Write a journal of one segment; gives its folder."""
    opened = SegmentOpened(
        session="", seq=0, ts=NOW, schema=1, run="r", writer="w", sync="group", version="1"
    )
    name = tools_hash(TOOLS)
    declared = ToolsDeclared(session="", seq=0, ts=NOW, tools_hash=name, tools=TOOLS)
    directory.mkdir(parents=True)
    lines = map(frame, (opened, declared, *events))
    (directory / "00000-w.jsonl").write_bytes(b"".join(lines))
    return directory
