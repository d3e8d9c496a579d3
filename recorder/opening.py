"""Begin the record of a run, or go on with one."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVarTuple

import anyio
import anyio.to_thread

from recorder.disk import Disk
from recorder.errors import JournalError
from recorder.events import timestamp
from recorder.journal import open_journal
from recorder.mending import Sifted, forget, mend
from recorder.record import Record
from recorder.run_directory import JOURNAL, RowSink, RunDirectory, open_new, open_rows_of
from recorder.settings import DEFAULTS, JournalSettings
from recorder.standing import Standings

Arguments = TypeVarTuple("Arguments")


@asynccontextmanager
async def open_record(
    directory: str | Path,
    run: str | None = None,
    settings: JournalSettings = DEFAULTS,
    disk: Disk | None = None,
) -> AsyncGenerator[Record]:
    """Begin the record of a run in *directory*, which must not hold one yet.

    Leaving the block makes everything durable, also when the block is cancelled.

    Args:
        directory: the run directory; it is made where it is missing.
        run: the run's id; by default made from the directory's name and the time.
        settings: how the journal commits.
        disk: what to write with.

    Raises:
        RunExistsError: there is a run in *directory* already, and a session was begun in it.
        RunLockedError: another process owns *directory*.
        RunDirectoryError: *directory* can't be used.
        JournalError: the disk refuses the record.
    """
    path, disk = Path(directory), disk or Disk()
    run = run or _name(path)
    async with (
        open_new(path, disk) as opened,
        _recording(opened, run, settings) as record,
    ):
        yield record


@asynccontextmanager
async def reopen_record(
    directory: str | Path,
    past: Standings,
    settings: JournalSettings = DEFAULTS,
    disk: Disk | None = None,
    sifted: Sifted | None = None,
) -> AsyncGenerator[Record]:
    """Go on with the record of a run, in a segment of its own; the directory is owned already.

    Rows that are missing are written first. When the block ends, rows that sessions had before
    they went on are gone. A run of which a crash left nothing, not even its id, gets another id.

    Args:
        directory: the run directory.
        past: where its sessions stand.
        settings: how the journal commits.
        disk: what to write with.
        sifted: how its rows compare with the journal, where that was looked at before.

    Raises:
        RunDirectoryError: *directory* can't be used.
        JournalError: the disk refuses the record.
        CorruptJournalError: a session that has no row can't be folded, or there are rows of
            sessions that the journal has lost.
    """
    path, disk = Path(directory), disk or Disk()
    await _blocking(mend, path, past, disk, sifted)
    async with (
        open_rows_of(path, disk) as opened,
        _recording(opened, past.run or _name(path), settings, past) as record,
    ):
        yield record


@asynccontextmanager
async def join_record(
    rows: RowSink, run: str, known: Standings, settings: JournalSettings = DEFAULTS
) -> AsyncGenerator[Record]:
    """Record sessions of a run that another process owns, in a segment of this process's own.

    Rows and statistics are that other process's to write.

    Args:
        rows: takes the rows of the sessions that end here.
        run: the run's id.
        known: where sessions stand that go on here; it may grow meanwhile.
        settings: how the journal commits.

    Raises:
        JournalError: the disk refuses the record.
    """
    async with open_journal(rows.path / JOURNAL, run, settings, Disk()) as journal:
        yield Record(rows, run, journal, known)


@asynccontextmanager
async def _recording(
    opened: RunDirectory, run: str, settings: JournalSettings, past: Standings | None = None
) -> AsyncGenerator[Record]:
    record: Record | None = None
    try:
        async with open_journal(opened.path / JOURNAL, run, settings, opened.disk) as journal:
            record = Record(opened, run, journal, past)
            yield record
    finally:
        if record and not record.journal.failed:
            with anyio.CancelScope(shield=True):  # bounded by the disk
                await _conclude(record, opened)


async def _conclude(record: Record, opened: RunDirectory) -> None:
    await record.write_statistics_now()
    if record.resumed:
        await _blocking(forget, opened.path, record.resumed, opened.disk)


async def _blocking(function: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
    """Run what blocks on files in a thread; what the disk refuses is the record's failure."""
    try:
        await anyio.to_thread.run_sync(function, *arguments)
    except OSError as error:
        raise JournalError(f"the rows can't be put in order: {error}") from error


def _name(path: Path) -> str:
    return f"{path.absolute().name}-{timestamp(time.time())}"
