"""How long facts wait until they are on disk, at a fixed rate of events over all sessions."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from bench.recording import SETTINGS, Record, Sessions, sessions_of
from recorder.disk import Disk
from recorder.events import Event
from recorder.framing import frame
from recorder.journal import open_journal


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
    async with open_journal(folder, "bench", SETTINGS, disk) as opened:
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
    late = quantile(ages, 0.99)
    return {
        "until durable, p50": quantile(ages, 0.5),
        "until durable, p99": late,
        "until durable, p99 / (window + 2 syncs)": late / (SETTINGS.window_s * 1e3 + 2 * slow),
        "sync, p99": slow,
    }


async def barrier(sessions: Sessions, rate: float, folder: Path) -> dict[str, float]:
    """How long a session waits that wants each event to be durable, in milliseconds."""
    waits: list[float] = []
    async with open_journal(folder, "bench", SETTINGS) as opened:

        async def record(event: Event) -> None:
            begun = time.monotonic()
            await opened.accept(event)
            await opened.durable()
            waits.append((time.monotonic() - begun) * 1e3)

        await pace(sessions, rate, record)
    return {"barrier, p50": quantile(waits, 0.5), "barrier, p99": quantile(waits, 0.99)}


def latency(session_count: int, rate: float, duration_s: float) -> dict[str, float]:
    """Measure how long it takes until facts are on disk."""
    each = max(1, math.ceil(rate * duration_s / session_count))
    sessions = sessions_of(session_count, each)
    with tempfile.TemporaryDirectory() as folder:
        aged = anyio.run(steady, sessions, rate, Path(folder) / "steady")
        waited = anyio.run(barrier, sessions, rate, Path(folder) / "barrier")
    return {**aged, **waited}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which *share* of *values* are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
