"""A run directory: who owns it, and the files in it that are made from the journal.

::

    runs/NAME/
      lock                       held by the process that owns the run
      journal/                   the truth
      trajectories.jsonl         one row a completed session
      failed_trajectories.jsonl  one row any other session
      lost_trajectories.jsonl    rows of sessions whose facts a power cut took, with ``--sync none``
      statistics.json            the fold of the whole run
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from recorder import files
from recorder.disk import Disk
from recorder.errors import CorruptJournalError, JournalError, RunDirectoryError, RunExistsError
from recorder.lock import own
from recorder.reader import Torn, read
from recorder.segment import segments

JOURNAL = "journal"
TRAJECTORIES = "trajectories.jsonl"
FAILED = "failed_trajectories.jsonl"
LOST = "lost_trajectories.jsonl"
STATISTICS = "statistics.json"


class RowSink(Protocol):
    """Takes the rows of sessions that are over, and ``statistics.json``; ``path`` is the run's."""

    path: Path

    @property
    def paused(self) -> str | None:
        """Why rows wait to be written, if they do."""
        ...

    def wait_no_more(self) -> None:
        """Wait for room no more."""
        ...

    async def append(self, row: bytes, *, completed: bool) -> None:
        """Append the row of a session."""
        ...

    async def write_statistics(self, content: bytes) -> None:
        """Replace ``statistics.json``."""
        ...


class RunDirectory:
    """A run directory that this process owns; made by :func:`open_new`."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        self._rows = {
            completed: files.Rows(path / name, disk)
            for completed, name in ((True, TRAJECTORIES), (False, FAILED))
        }

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the files of rows until *stack* ends.

        Raises:
            RunDirectoryError: one can't be opened.
        """
        for rows in self._rows.values():
            try:
                await rows.open()
            except OSError as error:
                raise RunDirectoryError(f"{self.path} can't be used: {error}") from error
            stack.push_async_callback(_close, rows)

    @property
    def paused(self) -> str | None:
        """Why rows wait to be written, if they do."""
        return next((rows.paused for rows in self._rows.values() if rows.paused), None)

    def wait_no_more(self) -> None:
        """Wait for room no more: a full disk is an error from now on."""
        for rows in self._rows.values():
            rows.wait_no_more()

    async def append(self, row: bytes, *, completed: bool) -> None:
        """Append the row of a session; waits while the disk is full.

        Raises:
            JournalError: it can't be written.
        """
        try:
            await self._rows[completed].append(row)
        except OSError as error:
            raise JournalError(f"a row can't be written to {self.path}: {error}") from error

    async def write_statistics(self, content: bytes) -> None:
        """Replace ``statistics.json``.

        Raises:
            JournalError: it can't be written.
        """
        try:
            await files.replace(self.path / STATISTICS, content, self.disk)
        except OSError as error:
            raise JournalError(f"the statistics can't be written: {error}") from error


@asynccontextmanager
async def open_new(path: Path, disk: Disk) -> AsyncGenerator[RunDirectory]:
    """Make the run directory *path*, or take one that holds no run, and own it.

    Raises:
        RunExistsError: there is a run in *path* already.
        RunLockedError: another process owns *path*.
        RunDirectoryError: *path* can't be used.
        JournalError: rows could not be made durable.
    """
    async with AsyncExitStack() as stack:
        await anyio.to_thread.run_sync(_claim, stack, path, disk)
        directory = RunDirectory(path, disk)
        await directory.open(stack)
        yield directory


def was_begun(path: Path) -> bool:
    """Whether there is a run in *path* in which a session started, or that ended without any.

    A process that died at its very beginning leaves segments of which nothing is worth keeping. A
    journal that does not check may hold anything, and counts as begun.

    Raises:
        OSError: *path* can't be read.
        RunDirectoryError: its journal can't be read.
    """
    journal = path / JOURNAL
    if not (journal.exists() and segments(journal)):
        return False
    if (path / STATISTICS).exists():
        return True
    try:
        return any(not isinstance(entry, Torn) and entry.event.session for entry in read(journal))
    except CorruptJournalError:
        return True


@asynccontextmanager
async def own_existing(path: Path) -> AsyncGenerator[None]:
    """Own the run directory *path*, which must hold a run.

    Raises:
        RunDirectoryError: there is no run in *path*, or it can't be used.
        RunLockedError: another process owns *path*.
    """
    journal = path / JOURNAL
    if not (journal.is_dir() and segments(journal)):
        raise RunDirectoryError(f"{path} holds no run: name a folder that has journal/ in it")
    with own(path):
        yield


@asynccontextmanager
async def open_rows_of(path: Path, disk: Disk) -> AsyncGenerator[RunDirectory]:
    """Open the rows of a run directory that is owned already.

    Raises:
        RunDirectoryError: *path* can't be used.
        JournalError: rows could not be made durable.
    """
    async with AsyncExitStack() as stack:
        directory = RunDirectory(path, disk)
        await directory.open(stack)
        yield directory


def _claim(stack: AsyncExitStack, path: Path, disk: Disk) -> None:
    try:
        disk.make_directory(path)
        stack.enter_context(own(path))
        _refuse_a_run(path)
        _clear(path, disk)
    except OSError as error:
        raise RunDirectoryError(f"{path} can't be used as a run directory: {error}") from error


def _refuse_a_run(path: Path) -> None:
    if was_begun(path):
        raise RunExistsError(
            f"{path} holds a run already: go on with `hermes-run resume {path}`, "
            "or choose another name"
        )
    for name in (TRAJECTORIES, FAILED):
        if (path / name).exists() and (path / name).stat().st_size:
            raise RunExistsError(f"{path / name} holds rows already: choose another name")


def _clear(path: Path, disk: Disk) -> None:
    """Remove the segments of a process that died before it began anything; they name its run."""
    left = segments(path / JOURNAL) if (path / JOURNAL).exists() else []
    for segment in left:
        disk.remove(segment)
    if left:
        files.sweep(path, disk)


async def _close(rows: files.Rows) -> None:
    try:
        with anyio.CancelScope(shield=True):  # bounded by the disk: a thread can't be given up
            await rows.close()
    except OSError as error:
        raise JournalError(f"rows could not be made durable: {error}") from error
