"""Files made beside the journal: appended row by row, or replaced in one piece.

The one door to ``aiofiles``. Rows can be made again from the journal, so they are not synced one by
one; a row that was cut by a crash is cut off before the next is appended.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, cast

import aiofiles
import aiofiles.os
import anyio
import anyio.to_thread
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from recorder.disk import Disk

_CHUNK = 2**20
_CLOSE_S = 30.0


class Rows:
    """A JSON-lines file that is open for appending; made by :func:`open_rows`."""

    def __init__(self, file: AsyncBufferedIOBase) -> None:
        self._file = file
        self._turn = anyio.Lock()

    async def append(self, row: bytes) -> None:
        """Append one line, newline included, and hand it to the operating system.

        Raises:
            OSError: it can't be written.
        """
        async with self._turn:
            await self._file.write(row)
            await self._file.flush()


@asynccontextmanager
async def open_rows(path: Path) -> AsyncGenerator[Rows]:
    """Open *path* for appending rows; sync it at the end.

    Raises:
        OSError: it can't be opened or synced.
    """
    await anyio.to_thread.run_sync(_cut_torn_tail, path)
    async with _opened(path, "ab") as file:
        try:
            yield Rows(file)
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await anyio.to_thread.run_sync(os.fsync, file.fileno())


@asynccontextmanager
async def _opened(
    path: Path, mode: Literal["rb", "ab", "wb"]
) -> AsyncGenerator[AsyncBufferedIOBase]:
    """Open a file and close it also when cancelled, which aiofiles alone does not."""
    file = cast("AsyncBufferedIOBase", await aiofiles.open(path, mode, opener=_private))
    try:
        yield file
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await file.close()


async def lines(path: Path) -> AsyncIterator[bytes]:
    """Give the lines of *path*, split at 0x0A only and without it, flat in memory.

    Raises:
        OSError: it can't be read.
    """
    rest = b""
    async with _opened(path, "rb") as file:
        while chunk := await file.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line
    if rest:
        yield rest


async def replace(path: Path, content: bytes) -> None:
    """Put *content* at *path* in one piece: whoever opens it sees the old or the new whole.

    Raises:
        OSError: it can't be written; what was at *path* is untouched.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        async with _opened(draft, "wb") as file:
            await file.write(content)
            await file.flush()
            await anyio.to_thread.run_sync(os.fsync, file.fileno())
        await aiofiles.os.replace(draft, path)
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await anyio.to_thread.run_sync(_forget, draft)
    await anyio.to_thread.run_sync(Disk().sync_directory, path.parent)


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _cut_torn_tail(path: Path) -> None:
    """Cut off what follows the last newline: the next row must not be glued to it."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return
    with file:
        end = file.seek(0, os.SEEK_END)
        keep = _last_newline(file.fileno(), end)
        if keep != end:
            file.truncate(keep)


def _last_newline(descriptor: int, end: int) -> int:
    """Where the last complete line ends, looking backwards."""
    while end > 0:
        begin = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
