"""Ways to record events as fast as they come: the journal and its rivals.

Rivals are a sink that encodes each event and forgets it; one that encodes and holds 8 MiB at a
time, as whatever writes in batches must; plain writes, the least that a durable file takes; and
bare ``aiofiles`` (one write an event, not durable).
"""

from __future__ import annotations

import gc
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiofiles
import anyio

from recorder.events import Event, ModelReplied, ToolReturned, ToolStarted
from recorder.framing import frame
from recorder.journal import open_journal
from recorder.messages import ToolCall, Usage
from recorder.settings import JournalSettings

Sessions = Sequence[Sequence[Event]]
Record = Callable[[Event], Awaitable[None]]
Rival = Callable[[Sessions, Path], Awaitable[None]]

SETTINGS = JournalSettings()

_TEXT = "The build failed in the third step; the log says that the header was not found. " * 8
_TS = "2026-11-22T17:00:00.000Z"
_ROUNDS = 5
"""How often the events are given to a saturated recorder: starting is not what is measured."""


def sessions_of(count: int, events_each: int) -> Sessions:
    """Give so many sessions with so many events each."""
    return [events(f"session-{number:04d}-0", events_each) for number in range(count)]


def events(session: str, count: int) -> list[Event]:
    """Give *count* events as a session has them: a reply with a call, its start, its result."""
    made: list[Event] = []
    for seq in range(count):
        call = ToolCall(f"call_{seq // 3}", "terminal", '{"command": "make -j2 2>&1 | tail"}')
        kinds: tuple[Event, ...] = (
            ModelReplied(
                session=session,
                seq=seq,
                ts=_TS,
                text=_TEXT[:160],
                reasoning=_TEXT[:400],
                calls=(call,),
                finish_reason="tool_calls",
                usage=Usage(input=4096, output=180),
            ),
            ToolStarted(session=session, seq=seq, ts=_TS, call_id=call.id, effect="workspace"),
            ToolReturned(
                session=session, seq=seq, ts=_TS, call_id=call.id, status="ok", output=_TEXT
            ),
        )
        made.append(kinds[seq % 3])
    return made


def content(event: Event) -> int:
    """Count the bytes of what was said in *event*."""
    match event:
        case ModelReplied():
            said = [event.text or "", event.reasoning or ""]
            said += [call.name + call.arguments for call in event.calls]
            return sum(len(text.encode()) for text in said)
        case ToolReturned():
            return len(event.output.encode())
        case _:
            return 0


async def saturate(sessions: Sessions, accept: Record) -> None:
    """Let every session record as fast as it can, the same again and again."""

    async def record(mine: Sequence[Event]) -> None:
        for _ in range(_ROUNDS):
            for event in mine:
                await accept(event)

    async with anyio.create_task_group() as tasks:
        for mine in sessions:
            tasks.start_soon(record, mine)


async def encode_only(sessions: Sessions, _: Path) -> None:
    """Record into a sink that frames each event and forgets it.

    It makes each line by itself, as whoever has no buffer to use again would; the journal does not.
    """

    async def accept(event: Event) -> None:
        frame(event)

    await saturate(sessions, accept)


async def encode_and_hold(sessions: Sessions, _: Path) -> None:
    """Record into a sink that frames each event and drops what it holds at 8 MiB."""
    lines: list[bytes] = []
    size = 0

    async def accept(event: Event) -> None:
        nonlocal size
        line = frame(event)
        lines.append(line)
        size += len(line)
        if size > SETTINGS.pending_bytes:
            lines.clear()
            size = 0

    await saturate(sessions, accept)


async def plain_writes(sessions: Sessions, folder: Path) -> None:
    """Frame, write 1 MiB at a time and sync once a window: the least that a durable file takes.

    Nobody is told what is durable, nothing is bounded, and the event loop waits for the disk.
    """
    descriptor = os.open(folder / "plain.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines: list[bytes] = []
    size, synced = 0, time.monotonic()

    async def accept(event: Event) -> None:
        nonlocal size, synced
        line = frame(event)
        lines.append(line)
        size += len(line)
        if size > 2**20:
            os.write(descriptor, b"".join(lines))
            lines.clear()
            size = 0
            if time.monotonic() - synced > SETTINGS.window_s:
                os.fdatasync(descriptor)
                synced = time.monotonic()

    await saturate(sessions, accept)
    os.write(descriptor, b"".join(lines))
    os.fdatasync(descriptor)
    os.close(descriptor)


async def bare_aiofiles(sessions: Sessions, folder: Path) -> None:
    """Record with one write an event."""
    async with aiofiles.open(folder / "bare.jsonl", "ab") as file:

        async def accept(event: Event) -> None:
            await file.write(frame(event))

        await saturate(sessions, accept)


async def journal(sessions: Sessions, folder: Path) -> None:
    """Record into a journal, until all of it is durable."""
    async with open_journal(folder / "saturated", "bench") as opened:
        await saturate(sessions, opened.accept)


class Cost(NamedTuple):
    """What an event costs, in microseconds; ``system`` is the part of ``cpu`` in the kernel."""

    cpu: float
    system: float
    wall: float


def cost(rival: Rival, sessions: Sessions) -> Cost:
    """Measure *rival*.

    It runs twice, and the second run counts: memory that a virtual machine has never used before
    costs the first to write into it up to ten times as much as writing.
    """
    _once(rival, sessions)
    return _once(rival, sessions)


def _once(rival: Rival, sessions: Sessions) -> Cost:
    count = sum(map(len, sessions)) * _ROUNDS
    gc.collect()
    gc.freeze()  # the events are not the recorder's to look through
    with tempfile.TemporaryDirectory() as folder:

        async def timed() -> tuple[float, float, float]:
            begun, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            await rival(sessions, Path(folder))
            ended, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - wall
            system = ended.ru_stime - begun.ru_stime
            return ended.ru_utime - begun.ru_utime + system, system, wall

        cpu, system, wall = anyio.run(timed)
    return Cost(cpu / count * 1e6, system / count * 1e6, wall / count * 1e6)
