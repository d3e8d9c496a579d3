"""What one more fact costs a journal does not depend on how many it has."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio

from recorder.events import Event
from recorder.faulty import FaultyDisk
from recorder.framing import frame
from recorder.journal import Journal, open_journal
from recorder.settings import JournalSettings, JournalStatistics
from tests.guards import writing
from tests.guards.counting import Work, count, grown


def record(directory: Path, events: list[Event], settings: JournalSettings) -> JournalStatistics:
    """Accept *events* one by one; gives what the journal did."""

    async def accept() -> JournalStatistics:
        async with open_journal(directory, "r", settings) as journal:
            for event in events:
                await journal.accept(event)
            await journal.durable()
            return journal.statistics()

    return anyio.run(accept)


def test_a_fact_costs_a_journal_the_same_among_few_and_among_many(tmp_path: Path):
    """Each is encoded, hashed and written once, and nothing is written but the lines of facts."""
    works: dict[int, Work] = {}
    for size in (100, 1000, 10_000):
        events = list(writing.side_by_side(size // 10, 2))[:size]
        directory = tmp_path / str(size)
        works[size] = count(partial(record, directory, events, JournalSettings()))
        assert works[size].calls["crc32"] == works[size].calls["Encoder.encode_into"] == len(events)
        (segment,) = directory.iterdir()
        heading, *lines = segment.read_bytes().splitlines(keepends=True)
        assert lines == [frame(event) for event in events]
        assert len(heading) < 300
    assert grown(works) == {}


def test_a_commit_is_one_write_and_one_sync(tmp_path: Path):
    """However many facts it takes, and however many came before."""
    disk = FaultyDisk()

    async def commit() -> JournalStatistics:
        settings = JournalSettings(window_s=0.0, hurry_s=0.0)
        async with open_journal(tmp_path / "journal", "r", settings, disk) as journal:
            for size in (1, 10, 100, 1000):
                for event in writing.side_by_side(size, 1):
                    await journal.accept(event)
                await journal.durable()
            return journal.statistics()

    done = anyio.run(commit)
    assert done.durable == 1111 * writing.facts_of(1)
    assert disk.calls.count("sync") == done.commits
    assert disk.calls.count("write") == done.commits + 1  # and what a segment begins with
    assert disk.calls.count("create") == 1


def test_who_waits_for_room_costs_the_same_among_few_and_among_many(tmp_path: Path):
    """One that is let in does not wake all the others."""
    works: dict[int, Work] = {}
    for size in (50, 200, 800):
        events = [next(writing.session(f"s{number}", 1)) for number in range(size)]
        works[size] = count(partial(crowd, tmp_path / str(size), events))
    assert grown(works) == {}


def crowd(directory: Path, events: list[Event]) -> None:
    """Let each of *events* be recorded by a task of its own, where there is room for a few."""

    async def accept() -> None:
        settings = JournalSettings(sync="none", window_s=0.0, hurry_s=0.0, pending_bytes=2000)
        async with open_journal(directory, "r", settings) as journal:
            async with anyio.create_task_group() as tasks:
                for event in events:
                    tasks.start_soon(journal.accept, event)
            await settled(journal, len(events))

    anyio.run(accept)


async def settled(journal: Journal, facts: int) -> None:
    """Wait until so many *facts* are written."""
    await journal.durable()
    assert journal.statistics().durable == facts
