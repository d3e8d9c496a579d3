"""Rows that are read by a task of their own, so that a call that is cancelled loses none.

A cancellation ends the async generator that it meets, and whatever that had still to give is gone.
Here it meets only who waits for a row; the row comes to whoever asks next.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio

from recorder.beside import beside

RowT = TypeVar("RowT")


class Feed(Generic[RowT]):
    """Gives the rows of a source one by one, to one caller at a time; made by :func:`feed`.

    A row is read when it is asked for. What the source raises comes out of the call that asked, and
    of every one after it.
    """

    def __init__(self, rows: AsyncIterator[RowT]) -> None:
        self.reading = anyio.CancelScope()
        self._rows = rows
        self._read: list[RowT] = []
        self._ended: Exception | None = None
        self._wanted = anyio.Event()
        self._given = anyio.Event()

    def __aiter__(self) -> Feed[RowT]:
        """Give this."""
        return self

    async def __anext__(self) -> RowT:
        """Give the next row.

        Raises:
            StopAsyncIteration: there are no more.
        """
        if not (self._read or self._ended):
            self._wanted.set()
            await self._given.wait()
        if self._read:
            return self._read.pop()
        raise self._ended or StopAsyncIteration

    async def read(self) -> None:
        """Read what is asked for, until there is no more or ``reading`` is cancelled."""
        with self.reading:
            while not self._ended:
                await self._wanted.wait()
                self._wanted = anyio.Event()
                try:
                    self._read.append(await anext(self._rows))
                except Exception as error:  # noqa: BLE001  # raised where the row was asked for
                    self._ended = error
                given, self._given = self._given, anyio.Event()
                given.set()


@asynccontextmanager
async def feed(rows: AsyncIterator[RowT]) -> AsyncGenerator[Feed[RowT]]:
    """Read *rows* beside the block, one at a time and only when it is asked for."""
    fed = Feed(rows)
    async with beside(fed.read):
        try:
            yield fed
        finally:
            fed.reading.cancel()
