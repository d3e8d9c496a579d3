"""Sinks: where events go. ``await sink(event)`` returns when the event is accepted."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from recorder.beside import beside
from recorder.events import Event

_DRAIN_S = 5.0


class Sink(Protocol):
    """Takes one event at a time; the event counts once this returns."""

    async def __call__(self, event: Event, /) -> None:
        """Accept *event*."""
        ...


class Lossy:
    """Never makes anybody wait: keeps the newest *capacity* events and counts those it drops.

    ``dropped`` is how many events the sink behind it never got; ``failure`` is what that sink
    raised.
    """

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self.failure: Exception | None = None
        self._capacity = capacity
        self._kept: deque[Event] = deque()
        self._arrived = anyio.Event()
        self._closed = False

    async def __call__(self, event: Event) -> None:
        """Accept *event*, dropping the oldest if there is no room."""
        if self.failure or self._closed:
            self.dropped += 1
            return
        self._kept.append(event)
        self._arrived.set()
        if len(self._kept) > self._capacity:
            self._kept.popleft()
            self.dropped += 1

    def close(self) -> None:
        """Take nothing more; :meth:`forward` ends when it has given away what is there."""
        self._closed = True
        self._arrived.set()

    async def forward(self, sink: Sink) -> None:
        """Give what comes to *sink*, in order, until :meth:`close`; if it raises, nothing more."""
        try:
            while self._kept or not self._closed:
                await self._arrived.wait()
                self._arrived = anyio.Event()
                await self._drain(sink)
        except Exception as error:  # noqa: BLE001  # a broken view is a fact, no reason to stop a run
            self.failure = error
        finally:
            self.dropped += len(self._kept)
            self._kept.clear()

    async def _drain(self, sink: Sink) -> None:
        while self._kept:
            await sink(self._kept.popleft())


@asynccontextmanager
async def lossy(
    sink: Sink, capacity: int = 4096, drain_s: float = _DRAIN_S
) -> AsyncGenerator[Lossy]:
    """Put *sink* behind a bounded buffer that drops its oldest, so that it can never hold up a run.

    What is in the buffer when the block ends is still delivered, also when the block is cancelled.

    Args:
        sink: whoever may be slow, or break.
        capacity: how many events to keep for it.
        drain_s: for how long to go on delivering after the block, in seconds.
    """
    buffer = Lossy(capacity)
    delivery = anyio.CancelScope(shield=True)

    async def deliver() -> None:
        with delivery:
            await buffer.forward(sink)

    async with beside(deliver):
        try:
            yield buffer
        finally:
            buffer.close()
            delivery.deadline = anyio.current_time() + drain_s
