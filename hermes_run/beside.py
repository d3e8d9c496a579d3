"""Files beside the record: what the disk refuses of them is a failure of the record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from anyio import to_thread

from hermes_run.throttle.gate import Gate
from hermes_run.throttle.history import KEY, recall
from recorder.disk import Disk
from recorder.errors import JournalError
from recorder.files import Rows
from recorder.json_text import decode
from recorder.record import Record
from recorder.run_directory import STATISTICS


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Let what the disk refuses in this block come out as a failure of the record.

    Raises:
        JournalError: *path* can't be written.
    """
    try:
        yield
    except OSError as error:
        raise JournalError(f"{path} can't be written: {error}") from error


class Rejects:
    """The list of rows that can't be used; made by :func:`open_rejects`."""

    def __init__(self, path: Path, rows: Rows) -> None:
        self._path = path
        self._rows = rows

    def wait_no_more(self) -> None:
        """Wait for room no more: a full disk is an error from now on."""
        self._rows.wait_no_more()

    async def append(self, row: bytes) -> None:
        """Append one line, newline included; waits while the disk is full.

        Raises:
            JournalError: it can't be written.
        """
        with writing(self._path):
            await self._rows.append(row)


@asynccontextmanager
async def open_rejects(path: Path) -> AsyncGenerator[Rejects]:
    """Open *path* for rows that can't be used; sync it at the end.

    Raises:
        JournalError: it can't be written.
    """
    rows = Rows(path, Disk())
    with writing(path):
        await rows.open()
    try:
        yield Rejects(path, rows)
    finally:
        with writing(path), anyio.CancelScope(shield=True):  # bounded by the disk
            await rows.close()


async def put_in_place(draft: Path, path: Path, disk: Disk | None = None) -> None:
    """Put *draft*, which is on disk, at *path*, durably.

    Raises:
        JournalError: it can't be put there.
    """
    disk = disk or Disk()
    with writing(path):
        await to_thread.run_sync(disk.rename, draft, path)
        await to_thread.run_sync(disk.sync_directory, path.parent)


def remove_empty(folder: Path) -> None:
    """Leave no empty folder behind; one that holds something was kept on purpose."""
    try:
        folder.rmdir()
    except OSError:
        return


@asynccontextmanager
async def removing_empty(folders: Iterable[Path]) -> AsyncGenerator[None]:
    """Leave none of *folders* behind that is empty when the block ends."""
    try:
        yield
    finally:
        for folder in folders:
            remove_empty(folder)


def keep_limits(record: Record, gate: Gate | None) -> None:
    """Let the history of the limits stand in ``statistics.json``, over all attempts at the run.

    Args:
        record: the run's record.
        gate: where limits change now, if anything is asked.
    """
    try:
        changes = recall(decode((record.directory / STATISTICS).read_bytes()))
    except (OSError, ValueError):
        changes = []
    if gate:
        gate.go_on(changes)
        changes = gate.changes
    if changes:
        record.operational[KEY] = changes
