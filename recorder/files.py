"""Files made beside the journal: appended row by row, or replaced in one piece.

The one door to ``aiofiles``. Rows can be made again from the journal, so they are not synced one by
one; a row that was cut by a crash is cut off before the next is appended.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from copy import copy
from pathlib import Path

import aiofiles
import anyio
import anyio.lowlevel
import anyio.to_thread

from recorder.disk import FULL, Disk, write_all

_CHUNK = 2**20
_OPEN_S = 30.0
_DRAFT = re.compile(r"\.[a-z_]+\.jsonl?\.[0-9a-f]{8}")
RETRY_S = 0.5
"""How often a full disk is tried again, in seconds."""


class _Offered:
    """A row that is to be written: whether it just is, or was, and what came of it."""

    def __init__(self, row: bytes) -> None:
        self.row = row
        self.taken = self.done = False
        self.error: OSError | None = None


class Rows:
    """A JSON-lines file that is open for appending; made by :func:`open_rows`.

    Rows stand in the file whole or not at all. Those that come while others are written are written
    together. While the disk is full, whoever appends waits, and ``paused`` says why.
    """

    def __init__(self, path: Path, disk: Disk, retry_s: float = RETRY_S) -> None:
        self.paused: str | None = None
        self._path = path
        self._disk = disk
        self._retry_s = retry_s
        self._turn = anyio.Lock(fast_acquire=True)
        self._offered: dict[_Offered, None] = {}
        self._written = anyio.Event()
        self._hurried = anyio.Event()
        self._descriptor = -1
        self._size = 0
        self._torn = False

    async def append(self, row: bytes) -> None:
        """Append one line, newline included, and hand it to the operating system.

        Raises:
            OSError: it can't be written.
        """
        mine = _Offered(row)
        self._offered[mine] = None
        try:
            async with self._turn:
                if not mine.done:  # else somebody before it has taken it along
                    await self._append_when_there_is_room()
        except anyio.get_cancelled_exc_class():
            if mine.taken:  # it is being written: what comes of that counts
                with anyio.CancelScope(shield=True):  # bounded by the disk
                    await self._written.wait()
            if not mine.done:
                raise
        finally:
            self._offered.pop(mine, None)
        if mine.error:
            raise copy(mine.error)

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

    async def _append_when_there_is_room(self) -> None:
        """Append all rows that are offered, as soon as there is room for them."""
        try:
            while full := await self._append_all():
                self.paused = str(full)
                with anyio.move_on_after(self._retry_s):
                    await self._hurried.wait()
        finally:
            self.paused = None

    async def _append_all(self) -> OSError | None:
        """Append all rows that are offered; gives why there was no room, if that may change."""
        await anyio.lowlevel.checkpoint()  # one commit ends many sessions: let all offer theirs
        offered, self._written = list(self._offered), anyio.Event()
        full, error = None, None
        try:
            for one in offered:
                one.taken = True
            full = await anyio.to_thread.run_sync(self._append, [one.row for one in offered])
        except OSError as failed:
            error = failed
        finally:
            for one in offered:
                one.taken = False
            self._written.set()
        if full and not self._hurried.is_set():
            return full
        for one in offered:
            one.done, one.error = True, error or full
            self._offered.pop(one)
        return None

    def _open(self) -> None:
        self._size = _cut_torn_tail(self._path)
        self._descriptor = self._disk.extend(self._path)

    def _append(self, rows: Sequence[bytes]) -> OSError | None:
        """Append all of *rows* or nothing; gives why there was no room, if there was none."""
        if self._torn:
            self._cut()
        content = b"".join(rows)
        try:
            write_all(self._disk, self._descriptor, content)
        except OSError as error:
            self._torn = True
            with suppress(OSError):
                self._cut()
            if error.errno in FULL:
                return error
            raise
        self._size += len(content)
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
