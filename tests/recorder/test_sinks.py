"""Sinks: where events go."""

from __future__ import annotations

import anyio
import pytest

from recorder.sinks import Lossy, lossy


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.events = []

    async def __call__(self, event):
        """Keep *event*."""
        self.events.append(event)


class Broken(Kept):
    """A sink that raises at the second event."""

    async def __call__(self, event):
        """Keep the first event."""
        if self.events:
            raise RuntimeError("broken")
        await super().__call__(event)


class Slow(Kept):
    """A sink that keeps each event when it is told to."""

    def __init__(self):
        super().__init__()
        self.asked, self.told = anyio.Event(), anyio.Event()

    async def __call__(self, event):
        """Wait, then keep *event*."""
        self.asked.set()
        await self.told.wait()
        await super().__call__(event)


async def test_a_lossy_sink_delivers_what_there_is_when_the_block_ends(said):
    """In order, and nothing is dropped while there is room."""
    sink = Kept()
    async with lossy(sink, capacity=10) as buffer:
        for seq in range(10):
            await buffer(said(seq))
    assert sink.events == [said(seq) for seq in range(10)]
    assert (buffer.dropped, buffer.failure) == (0, None)


async def test_a_slow_sink_holds_nobody_up_and_loses_the_oldest(said):
    """What is lost is counted."""
    sink = Slow()
    async with lossy(sink, capacity=3) as buffer:
        await buffer(said(0))
        await sink.asked.wait()
        for seq in range(1, 10):
            await buffer(said(seq))
        assert buffer.dropped == 6
        sink.told.set()
    assert sink.events == [said(0), said(7), said(8), said(9)]


async def test_events_are_delivered_while_the_block_goes_on(said, until):
    """Also those that come one by one."""
    sink = Kept()
    async with lossy(sink) as buffer:
        for seq in range(3):
            await buffer(said(seq))
            await until(lambda seq=seq: len(sink.events) == seq + 1)


async def test_a_sink_that_hangs_is_given_up_at_the_end(said):
    """What it never got is counted, and the block ends."""
    sink = Slow()
    with anyio.fail_after(20):
        async with lossy(sink, drain_s=0) as buffer:
            await buffer(said(0))
            await sink.asked.wait()
            await buffer(said(1))
            await buffer(said(2))
    assert sink.events == []
    assert buffer.dropped == 2


async def test_a_sink_that_raises_gets_nothing_more_and_stops_nobody(said, until):
    """What it raised is kept, what it did not get is counted."""
    sink = Broken()
    async with lossy(sink) as buffer:
        for seq in range(5):
            await buffer(said(seq))
        await until(lambda: buffer.failure)
        await buffer(said(5))
    assert sink.events == [said(0)]
    assert str(buffer.failure) == "broken"
    assert buffer.dropped == 4


async def test_a_cancelled_block_still_delivers(said):
    """A view shows how it ended."""
    sink = Kept()
    with anyio.CancelScope() as scope:
        async with lossy(sink) as buffer:
            await buffer(said(0))
            scope.cancel()
            await anyio.sleep_forever()
    assert sink.events == [said(0)]


async def test_what_the_block_raises_comes_out_as_it_is(said):
    """Not in a group."""
    sink = Kept()

    async def attempt():
        async with lossy(sink) as buffer:
            await buffer(said(0))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await attempt()
    assert sink.events == [said(0)]


async def test_what_comes_after_the_end_is_dropped(said):
    """And counted."""
    async with lossy(Kept()) as buffer:
        pass
    await buffer(said(0))
    assert buffer.dropped == 1


async def test_a_buffer_without_room_drops_everything(said):
    """Capacity 0 is allowed."""
    buffer = Lossy(0)
    await buffer(said(0))
    assert buffer.dropped == 1
