"""Messages between the head of a run and a worker, over a pair of connected sockets.

What is sent between two looks at the socket goes in one piece. Both ends are this very program on
this machine, and nobody else has the sockets: so the pieces are pickled.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import SocketStream

from recorder.beside import beside

_HEAD = struct.Struct("<Q")
_PIECE = 2**18
_FLUSH_S = 5.0


class Channel:
    """One end; made by :func:`open_channel`."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._unsent: list[Any] = []
        self._unread = bytearray()
        self._more = anyio.Event()
        self._closed = False

    def send(self, message: object) -> None:
        """Send *message* soon, after what was sent before; lost where the other end is gone."""
        self._unsent.append(message)
        self._more.set()

    async def receive(self) -> list[Any]:
        """Give what has arrived, at least one message; nothing where the other end is gone."""
        while (content := self._next()) is None:
            try:
                self._unread += await self._stream.receive(_PIECE)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return []
        return pickle.loads(content)  # noqa: S301  # see above

    async def write(self) -> None:
        """Write what is sent, until :meth:`close`."""
        try:
            while self._unsent or not self._closed:
                await self._more.wait()
                self._more = anyio.Event()
                await self._flush()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._unsent.clear()

    def close(self) -> None:
        """Write what is left, and no more."""
        self._closed = True
        self._more.set()

    async def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent:
            content = pickle.dumps(unsent, pickle.HIGHEST_PROTOCOL)
            await self._stream.send(_HEAD.pack(len(content)) + content)

    def _next(self) -> bytes | None:
        unread = self._unread
        if len(unread) < _HEAD.size:
            return None
        (size,) = _HEAD.unpack_from(unread)
        end = _HEAD.size + size
        if len(unread) < end:
            return None
        content = bytes(unread[_HEAD.size : end])
        del unread[:end]
        return content


@asynccontextmanager
async def open_channel(stream: SocketStream) -> AsyncGenerator[Channel]:
    """Talk over *stream* until the block ends; what was sent by then still goes out."""
    channel = Channel(stream)
    writing = anyio.CancelScope(shield=True)

    async def write() -> None:
        with writing:
            await channel.write()

    async with stream, beside(write):
        try:
            yield channel
        finally:
            channel.close()
            writing.deadline = anyio.current_time() + _FLUSH_S
