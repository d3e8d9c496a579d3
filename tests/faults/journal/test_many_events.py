"""Very many events: memory stays flat while they are recorded, and so does the work for each."""

from __future__ import annotations

import gc
import os
import tracemalloc
from itertools import count

import anyio
import pytest

from hermes_run.cli.status import fold_once, read_status
from recorder.faulty import FaultyDisk
from recorder.messages import Usage
from recorder.opening import open_record
from recorder.reader import Entry, Order, read
from recorder.settings import JournalSettings
from recorder.standing import stand

EVENTS = int(os.environ.get("HERMES_RUN_MANY_EVENTS", "10000"))
"""How many there are; 1,000,000 take some minutes, most of them to trace memory."""

AT_ONCE = 50
EACH = 20
"""Events of a session."""

ROUNDS = EVENTS // (AT_ONCE * EACH)
HALF = ROUNDS // 2
AGAIN = 4
"""Bytes that a reader keeps of an event, to know it when it comes again."""

SESSION = 2_000
"""Bytes that may be kept of a session by somebody who has to know whether it is over."""


class Counting(FaultyDisk):
    """Counts what it is asked, and remembers nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.written = self.syncs = 0

    def write(self, descriptor, content):
        """Write, and count the bytes."""
        self.calls.clear()
        self.written += len(content)
        return super().write(descriptor, content)

    def sync(self, descriptor):
        """Sync, and count that."""
        self.syncs += 1
        super().sync(descriptor)


def kept() -> int:
    """Count the bytes that are in use."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def traced():
    """Trace what is in use while the test runs."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def record_one(record, name) -> None:
    """Record a session of EACH events."""
    async with record.session("x", id=name) as session:
        for _ in range((EACH - 2) // 3):
            call = {"id": "c", "name": "f", "arguments": "{}"}
            await session.model_replied(calls=[call], usage=Usage(input=1, output=1))
            await session.tool_started("c", effect="read")
            await session.tool_returned("c", "out", status="ok")


async def record_rounds(record, rounds, names) -> None:
    """Record sessions, AT_ONCE at a time."""
    for _ in range(rounds):
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(record_one, record, f"s{next(names)}")


@pytest.mark.slow
async def test_memory_is_flat_however_many_events_there_are(tmp_path, traced):
    """The second half of them needs no more than the first, recorded and read.

    Of a session that is over only its id is kept, which must not come twice. Each event is written
    once, and syncs are shared.
    """
    disk, names = Counting(), count()
    settings = JournalSettings(segment_bytes=2**20)
    async with open_record(tmp_path / "run", settings=settings, disk=disk) as record:
        await record_rounds(record, 1, names)
        first = kept()
        await record_rounds(record, HALF, names)
        second = kept()
        await record_rounds(record, ROUNDS - HALF - 1, names)
        third = kept()
        statistics = record.journal.statistics()
    sessions = AT_ONCE * HALF
    assert second - first < sessions * 200 + 200_000
    assert third - second < sessions * 200 + 200_000
    assert statistics.accepted == statistics.durable == ROUNDS * AT_ONCE * EACH
    size = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*.json*"))
    assert disk.written <= size * 1.01
    assert disk.syncs < statistics.accepted / 10
    reading(tmp_path / "run", statistics.accepted)


def reading(directory, events) -> None:
    """Read all of it, in several ways, with as little memory."""
    before = kept()
    order = Order()
    entries = (one for one in read(directory / "journal") if isinstance(one, Entry))
    assert sum(order.admit(one) for one in entries if one.event.session) == events
    assert kept() - before < events * AGAIN * 2 + events // EACH * SESSION
    del order
    tracemalloc.reset_peak()
    before = kept()
    standings = stand(directory / "journal")
    assert len(standings.sessions) == events // EACH
    assert tracemalloc.get_traced_memory()[1] - before < events // EACH * SESSION + 10_000_000
    del standings
    before = kept()
    fold, torn = fold_once(read(directory / "journal"))
    assert (fold.value().outcomes, torn) == ({"completed": events // EACH}, [])
    assert kept() - before < events // EACH * SESSION
    assert read_status(directory).left == 0
