"""Unpack what a server sent, as far as it is wanted: a few bytes may stand for gigabytes."""

from __future__ import annotations

import zlib

EITHER, RAW = 47, -15
"""Windows of zlib: gzip or zlib by their headers, and deflate without one."""


class Inflater:
    """Unpacks a body chunk by chunk, up to *limit* bytes in all."""

    def __init__(self, coding: str, limit: int) -> None:
        self.left = limit
        self._coding = coding
        self._head = b""
        self._unpack = zlib.decompressobj(EITHER) if coding == "gzip" else None

    def feed(self, chunk: bytes) -> bytes:
        """Give what *chunk* stands for, as far as there is room.

        Raises:
            zlib.error: it is not packed as was said.
        """
        made = self._inflate(chunk) if self._coding else chunk[: self.left]
        self.left -= len(made)
        return made

    def _inflate(self, chunk: bytes) -> bytes:
        chunk, self._head = self._head + chunk, b""
        if self._unpack is None and len(chunk) < 2:
            self._head = chunk
            return b""
        parts: list[bytes] = []
        room = self.left
        while chunk and room > 0:
            unpack = self._unpack or zlib.decompressobj(_window(chunk))
            parts.append(unpack.decompress(chunk, room))
            room -= len(parts[-1])
            # A gzip file may be several, one after the other.
            self._unpack = zlib.decompressobj(EITHER) if unpack.eof else unpack
            chunk = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        return b"".join(parts)


def _window(head: bytes) -> int:
    """Tell by its first two bytes whether deflate has the header of zlib, which some leave out."""
    return EITHER if head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0 else RAW
