"""What a durable record costs, and how long it takes until a fact is on disk.

``python -m bench.journal`` prints one JSON line. CPU is that of the whole process, threads
included, in microseconds an event; all ratios are taken within one repeat, in which the rivals run
one after the other over the same events.

- *saturation*: every session records as fast as it can. Rivals: a sink that encodes each event and
  forgets it; one that encodes and holds 8 MiB at a time, as whatever writes in batches must; plain
  writes, the least that a durable file takes; and bare ``aiofiles`` (one write an event, not
  durable).
- *steady*: a fixed rate of events over all sessions. How old each event is when the sync that
  covers it returns; the budget is the window and two syncs.
- *barrier*: the same, each session waiting for every event until it is durable.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiofiles
import anyio

from recorder.disk import Disk
from recorder.events import Event, ModelReplied, ToolReturned, ToolStarted
from recorder.framing import frame
from recorder.journal import open_journal
from recorder.messages import ToolCall, Usage
from recorder.settings import JournalSettings

Sessions = Sequence[Sequence[Event]]
Record = Callable[[Event], Awaitable[None]]

_TEXT = "The build failed in the third step; the log says that the header was not found. " * 8
_TS = "2026-11-22T17:00:00.000Z"
_SETTINGS = JournalSettings()
_ROUNDS = 5
"""How often the events are given to a saturated recorder: starting is not what is measured."""


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


class Timed(Disk):
    """A disk that notes when each sync returned, how long it took and what it covers."""

    def __init__(self) -> None:
        self.syncs: list[tuple[float, float, int]] = []
        self._written = 0

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write and count."""
        taken = super().write(descriptor, content)
        self._written += taken
        return taken

    def sync(self, descriptor: int) -> None:
        """Sync and note."""
        begun = time.monotonic()
        super().sync(descriptor)
        ended = time.monotonic()
        self.syncs.append((ended, ended - begun, self._written))


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
    """Record into a sink that frames each event and forgets it."""

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
        if size > _SETTINGS.pending_bytes:
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
            if time.monotonic() - synced > _SETTINGS.window_s:
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


Rival = Callable[[Sessions, Path], Awaitable[None]]


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


def saturation(session_count: int, count: int) -> dict[str, float]:
    """Compare the rivals over *count* events."""
    each = max(3, count // session_count)
    sessions = [events(f"session-{number:04d}-0", each) for number in range(session_count)]
    few = [mine[: max(1, each // 50)] for mine in sessions]
    encode = cost(encode_only, sessions)
    hold = cost(encode_and_hold, sessions)
    plain = cost(plain_writes, sessions)
    ours = cost(journal, sessions)
    bare = cost(bare_aiofiles, few)
    return {
        "encode_us": encode.cpu,
        "hold_us": hold.cpu,
        "journal_us": ours.cpu,
        "journal_system_us": ours.system,
        "aiofiles_us": bare.cpu,
        "journal_over_encode": ours.cpu / encode.cpu,
        "plain_over_encode": plain.cpu / encode.cpu,
        "journal_without_system_over_encode": (ours.cpu - ours.system) / encode.cpu,
        "journal_over_hold": ours.cpu / hold.cpu,
        "journal_over_aiofiles": ours.cpu / bare.cpu,
        "events_per_s": 1e6 / ours.wall,
    }


async def pace(sessions: Sessions, rate: float, record: Record) -> None:
    """Let the sessions offer *rate* events a second in all, evenly spread."""
    pause_s = len(sessions) / rate
    begin = time.monotonic() + 0.05

    async def offer(number: int, mine: Sequence[Event]) -> None:
        for place, event in enumerate(mine):
            due = begin + pause_s * (place + number / len(sessions))
            await anyio.sleep(max(0.0, due - time.monotonic()))
            await record(event)

    async with anyio.create_task_group() as tasks:
        for number, mine in enumerate(sessions):
            tasks.start_soon(offer, number, mine)


async def steady(sessions: Sessions, rate: float, folder: Path) -> dict[str, float]:
    """How old each event is when it is durable, though nobody asks for that, in milliseconds."""
    disk, accepted = Timed(), list[tuple[float, int]]()
    async with open_journal(folder, "bench", _SETTINGS, disk) as opened:
        heading = opened.statistics().bytes

        async def record(event: Event) -> None:
            begun = time.monotonic()
            await opened.accept(event)
            accepted.append((begun, len(frame(event))))

        await pace(sessions, rate, record)
    written, syncs, ages = heading, iter(disk.syncs), list[float]()
    ended, _, covered = next(syncs)
    for begun, size in accepted:
        written += size
        while covered < written:
            ended, _, covered = next(syncs)
        ages.append((ended - begun) * 1e3)
    slow = quantile([took * 1e3 for _, took, _ in disk.syncs], 0.99)
    return {
        "steady_p50_ms": quantile(ages, 0.5),
        "steady_p99_ms": quantile(ages, 0.99),
        "steady_budget_ms": _SETTINGS.window_s * 1e3 + 2 * slow,
        "sync_p99_ms": slow,
    }


async def barrier(sessions: Sessions, rate: float, folder: Path) -> dict[str, float]:
    """How long a session waits that wants each event to be durable, in milliseconds."""
    waits: list[float] = []
    async with open_journal(folder, "bench", _SETTINGS) as opened:

        async def record(event: Event) -> None:
            begun = time.monotonic()
            await opened.accept(event)
            await opened.durable()
            waits.append((time.monotonic() - begun) * 1e3)

        await pace(sessions, rate, record)
    return {"barrier_p50_ms": quantile(waits, 0.5), "barrier_p99_ms": quantile(waits, 0.99)}


def latency(session_count: int, rate: float, duration_s: float) -> dict[str, float]:
    """Measure how long it takes until facts are on disk."""
    each = max(1, math.ceil(rate * duration_s / session_count))
    sessions = [events(f"session-{number:04d}-0", each) for number in range(session_count)]
    with tempfile.TemporaryDirectory() as folder:
        aged = anyio.run(steady, sessions, rate, Path(folder) / "steady")
        waited = anyio.run(barrier, sessions, rate, Path(folder) / "barrier")
    return {**aged, **waited}


def size() -> dict[str, float]:
    """Compare the bytes of the lines with the bytes of what was said in them."""
    lines = sum(len(frame(event)) for event in events("session-0000-0", 300))
    content = sum(map(_content, events("session-0000-0", 300)))
    return {"bytes_an_event": lines / 300, "written_over_content": lines / content}


def _content(event: Event) -> int:
    match event:
        case ModelReplied():
            said = [event.text or "", event.reasoning or ""]
            said += [call.name + call.arguments for call in event.calls]
            return sum(len(text.encode()) for text in said)
        case ToolReturned():
            return len(event.output.encode())
        case _:
            return 0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which *share* of *values* are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def summary(repeats: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """The median of each figure, and its lowest and highest."""
    return {
        name: {
            "median": round(statistics.median(one[name] for one in repeats), 3),
            "low": round(min(one[name] for one in repeats), 3),
            "high": round(max(one[name] for one in repeats), 3),
        }
        for name in repeats[0]
    }


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--events", type=int, default=60_000, help="at saturation, in each round")
    parser.add_argument("--rate", type=float, default=4_000.0, help="events a second when steady")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each steady measurement")
    asked = parser.parse_args()
    counts = (64, 1000)
    repeats: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(asked.repeats):
        for count in counts:
            fast = saturation(count, asked.events)
            repeats[count].append({**fast, **latency(count, asked.rate, asked.seconds)})
    answer: dict[str, Any] = {"bench": "journal", "repeats": asked.repeats, **size()}
    answer |= {f"sessions_{count}": summary(repeats[count]) for count in counts}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
