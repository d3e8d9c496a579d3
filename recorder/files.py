"""Files made beside the journal: appended row by row, or replaced in one piece.

The one door to ``aiofiles``. Rows can be made again from the journal, so they are not synced one by
one; a row that was cut by a crash is cut off before the next is appended.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiofiles
import anyio
import anyio.to_thread

from recorder.disk import FULL, Disk, write_all

_CHUNK = 2**20
_OPEN_S = 30.0
_DRAFT = re.compile(r"\.[a-z_]+\.jsonl?\.[0-9a-f]{8}")
RETRY_S = 0.5
"""How often a full disk is tried again, in seconds."""


class Rows:
    """A JSON-lines file that is open for appending; made by :func:`open_rows`.

    Rows stand in the file whole or not at all. While the disk is full, whoever appends waits, and
    ``paused`` says why.
    """

    def __init__(self, path: Path, disk: Disk, retry_s: float = RETRY_S) -> None:
        self.paused: str | None = None
        self._path = path
        self._disk = disk
        self._retry_s = retry_s
        self._turn = anyio.Lock(fast_acquire=True)
        self._hurried = anyio.Event()
        self._descriptor = -1
        self._size = 0
        self._torn = False

    async def append(self, row: bytes) -> None:
        """Append one line, newline included, and hand it to the operating system.

        Raises:
            OSError: it can't be written.
        """
        async with self._turn:
            try:
                await self._append_when_there_is_room(row)
            finally:
                self.paused = None

    def wait_no_more(self) -> None:
        """Wait for room no more: who does tries once more, and a full disk is an error."""
        self._hurried.set()

    async def open(self) -> None:
        """Open the file, and cut off a row that a crash has torn.

        Raises:
            OSError: it can't be opened.
        """
        await anyio.to_thread.run_sync(self._open)

    async def close(self) -> None:
        """Sync the file and close it.

        Raises:
            OSError: rows may be lost.
        """
        await anyio.to_thread.run_sync(self._close)

    async def _append_when_there_is_room(self, row: bytes) -> None:
        while full := await anyio.to_thread.run_sync(self._append, row):
            if self._hurried.is_set():
                raise full
            self.paused = str(full)
            with anyio.move_on_after(self._retry_s):
                await self._hurried.wait()

    def _open(self) -> None:
        self._size = _cut_torn_tail(self._path)
        self._descriptor = self._disk.extend(self._path)

    def _append(self, row: bytes) -> OSError | None:
        """Append *row* as a whole; gives why there was no room for it, if there was none."""
        if self._torn:
            self._cut()
        try:
            write_all(self._disk, self._descriptor, row)
        except OSError as error:
            self._torn = True
            with suppress(OSError):
                self._cut()
            if error.errno in FULL:
                return error
            raise
        self._size += len(row)
        return None

    def _cut(self) -> None:
        """Cut off what was written of a row that did not fit: the next must not be glued to it."""
        self._disk.truncate(self._descriptor, self._size)
        self._torn = False

    def _close(self) -> None:
        try:
            if self._torn:
                self._cut()
            self._disk.sync(self._descriptor)
        finally:
            self._disk.close(self._descriptor)


@asynccontextmanager
async def open_rows(
    path: Path, disk: Disk | None = None, retry_s: float = RETRY_S
) -> AsyncGenerator[Rows]:
    """Open *path* for appending rows; sync it at the end.

    Args:
        path: the file; it is made where it is missing.
        disk: what to write with.
        retry_s: how often a full disk is tried again, in seconds.

    Raises:
        OSError: it can't be opened or synced.
    """
    rows = Rows(path, disk or Disk(), retry_s)
    await rows.open()
    try:
        yield rows
    finally:
        with anyio.CancelScope(shield=True):  # bounded by the disk: a thread can't be given up
            await rows.close()


async def lines(path: Path) -> AsyncGenerator[bytes]:
    """Give the lines of *path*, split at 0x0A only and without it, flat in memory.

    Raises:
        OSError: it can't be read.
    """
    with anyio.fail_after(_OPEN_S, shield=True):  # a file opened for nobody would never be closed
        file = await aiofiles.open(path, "rb")
    try:
        while chunk := await file.readlines(_CHUNK):
            for line in chunk:
                yield line.removesuffix(b"\n")
    finally:
        with anyio.fail_after(_OPEN_S, shield=True):
            await file.close()


async def replace(path: Path, content: bytes, disk: Disk | None = None) -> None:
    """Put *content* at *path* in one piece: whoever opens it sees the old or the new whole.

    Raises:
        OSError: it can't be written. What was at *path* is untouched, unless it was only the
            directory that could not be synced.
    """
    await anyio.to_thread.run_sync(put, path, (content,), disk or Disk())


def put(path: Path, pieces: Iterable[bytes], disk: Disk) -> None:
    """Do what :func:`replace` does, piece by piece, and block meanwhile.

    Raises:
        OSError: see :func:`replace`; also what giving the pieces raises.
    """
    draft = draft_of(path)
    descriptor = disk.create(draft)
    try:
        try:
            for piece in pieces:
                write_all(disk, descriptor, piece)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
        disk.rename(draft, path)
    except BaseException:
        with suppress(OSError):
            disk.remove(draft)
        raise
    disk.sync_directory(path.parent)


def draft_of(path: Path) -> Path:
    """A name beside *path* that nobody else uses, for what is to be put in its place."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def sweep(directory: Path, disk: Disk) -> None:
    """Remove the drafts in *directory* that a crash has left there; it must be owned.

    Raises:
        OSError: one can't be removed.
    """
    for path in directory.iterdir():
        if _DRAFT.fullmatch(path.name):
            disk.remove(path)


def _cut_torn_tail(path: Path) -> int:
    """Cut off what follows the last newline; gives the size that is left, in bytes."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return 0
    with file:
        end = file.seek(0, os.SEEK_END)
        keep = _last_newline(file.fileno(), end)
        if keep != end:
            file.truncate(keep)
        return keep


def _last_newline(descriptor: int, end: int) -> int:
    """Where the last complete line ends, looking backwards."""
    while end > 0:
        begin = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
