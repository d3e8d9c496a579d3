"""Sinks: a tee loses nothing, a lossy one holds up nobody."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from recorder.events import Event
from recorder.sinks import Lossy, Tee, lossy

Said = Callable[..., Event]


class Keeping:
    """A sink that keeps what it gets, and raises at the event number *breaks_at*."""

    def __init__(self, breaks_at: int = -1) -> None:
        self.kept: list[int] = []
        self._breaks_at = breaks_at

    async def __call__(self, event: Event) -> None:
        """Keep *event*."""
        if event.seq == self._breaks_at:
            raise ZeroDivisionError("a broken view")
        self.kept.append(event.seq)


async def test_a_tee_gives_every_event_to_every_sink(said: Said):
    """In the order in which they were named."""
    one, two = Keeping(), Keeping()
    tee = Tee(one, two)
    for seq in range(3):
        await tee(said(seq))
    assert one.kept == two.kept == [0, 1, 2]


async def test_a_tee_stops_at_the_sink_that_raises(said: Said):
    """What comes after it does not count: the one that must not lose comes first."""
    after = Keeping()
    with pytest.raises(ZeroDivisionError):
        await Tee(Keeping(breaks_at=0), after)(said(0))
    assert after.kept == []


async def test_everything_reaches_a_sink_that_keeps_up(said: Said):
    """Also what is in the buffer when the block ends."""
    sink = Keeping()
    async with lossy(sink) as buffer:
        for seq in range(10):
            await buffer(said(seq))
    assert sink.kept == list(range(10))
    assert buffer.dropped == 0


async def test_a_blocked_sink_loses_the_oldest_and_holds_up_nobody(said: Said):
    """The run goes on; what was dropped is counted."""
    go, sink = anyio.Event(), Keeping()

    async def blocked(event: Event) -> None:
        await go.wait()
        await sink(event)

    async with lossy(blocked, capacity=3) as buffer:
        for seq in range(10):
            await buffer(said(seq))
        assert buffer.dropped == 7
        go.set()
    assert sink.kept == [7, 8, 9]


async def test_a_sink_that_raises_gets_nothing_more(said: Said):
    """Its failure is kept, the block goes on, and what it missed is counted."""
    sink = Keeping(breaks_at=1)
    async with lossy(sink) as buffer:
        for seq in range(3):
            await buffer(said(seq))
        with anyio.fail_after(10):
            while buffer.failure is None:
                await anyio.lowlevel.checkpoint()
        await buffer(said(3))
    assert sink.kept == [0]
    assert isinstance(buffer.failure, ZeroDivisionError)
    assert buffer.dropped == 2


async def test_a_sink_that_never_returns_ends_with_its_time(said: Said):
    """After the block it is waited for only so long."""

    async def never(_: Event) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(10):
        async with lossy(never, drain_s=0.01) as buffer:
            for seq in range(3):
                await buffer(said(seq))
    assert buffer.dropped == 2


async def test_what_is_in_the_buffer_is_delivered_when_the_block_is_cancelled(said: Said):
    """A view sees how it ended."""
    sink = Keeping()
    with anyio.CancelScope() as scope:
        async with lossy(sink) as buffer:
            await buffer(said(0))
            scope.cancel()
            await anyio.sleep_forever()
    assert sink.kept == [0]


async def test_what_comes_after_the_end_is_counted_as_dropped(said: Said):
    """Nobody is there to take it."""
    buffer = Lossy(2)
    buffer.close()
    await buffer(said(0))
    assert buffer.dropped == 1
