"""Sinks: where events go. ``await sink(event)`` returns when the event is accepted."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
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


class Tee:
    """Gives every event to several sinks, one after the other, the one that must not lose first."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    async def __call__(self, event: Event) -> None:
        """Accept *event* when all sinks have; the first that raises stops it."""
        for sink in self._sinks:
            await sink(event)


class Lossy:
    """Never makes anybody wait: keeps the newest *capacity* events and counts those it drops."""

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self.failure: Exception | None = None
        self._kept: deque[Event] = deque(maxlen=capacity)
        self._arrived = anyio.Event()

    async def __call__(self, event: Event) -> None:
        """Accept *event*, dropping the oldest if there is no room."""
        if len(self._kept) == self._kept.maxlen:
            self.dropped += 1
        self._kept.append(event)
        self._arrived.set()

    async def forward(self, sink: Sink) -> None:
        """Give what is kept to *sink*, in order, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            await self.drain(sink)

    async def drain(self, sink: Sink) -> None:
        """Give what is kept now to *sink*; one that raises gets nothing more."""
        while self._kept:
            event = self._kept.popleft()
            if self.failure:
                self.dropped += 1
                continue
            try:
                await sink(event)
            except Exception as error:  # noqa: BLE001  # a broken view is a fact, not a reason to stop a run
                self.failure = error


@asynccontextmanager
async def lossy(sink: Sink, capacity: int = 4096) -> AsyncIterator[Lossy]:
    """Put *sink* behind a bounded buffer that drops its oldest, so that it can never hold up a run.

    What is in the buffer when the block ends is still delivered, for at most five seconds. A sink
    that raises gets nothing more; what it raised stands in ``failure``.
    """
    buffer = Lossy(capacity)

    async def deliver() -> None:
        await buffer.forward(sink)

    async with beside(deliver) as tasks:
        try:
            yield buffer
        finally:
            tasks.cancel_scope.cancel()
            with anyio.move_on_after(_DRAIN_S, shield=True):
                await buffer.drain(sink)
