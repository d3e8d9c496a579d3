"""Rows come one by one as they are asked for, and no cancellation loses any."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from hermes_run.feed import feed


class Held:
    """A source that gives no row before it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = anyio.Event(), anyio.Event()

    async def rows(self) -> AsyncIterator[int]:
        """Give three rows."""
        for number in range(3):
            self.asked.set()
            await self.go.wait()
            yield number


async def test_a_row_that_nobody_waited_for_any_more_comes_to_who_asks_next():
    """The source is suspended in the middle of giving it, and goes on with it."""
    source = Held()
    async with feed(source.rows()) as fed:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, fed)
            await source.asked.wait()
            tasks.cancel_scope.cancel()
        source.go.set()
        await anyio.wait_all_tasks_blocked()
        assert [row async for row in fed] == [0, 1, 2]
        assert await anext(fed, None) is None


async def test_a_row_is_read_when_it_is_asked_for():
    """An endless source is no endless list."""
    drawn: list[int] = []

    async def endless() -> AsyncIterator[int]:
        while True:
            drawn.append(len(drawn))
            yield drawn[-1]

    async with feed(endless()) as fed:
        await anyio.wait_all_tasks_blocked()
        assert drawn == []
        assert [await anext(fed), await anext(fed)] == [0, 1]
        await anyio.wait_all_tasks_blocked()
        assert drawn == [0, 1]


async def test_what_the_source_raises_comes_out_where_a_row_was_asked_for():
    """And again wherever another is."""

    async def broken() -> AsyncIterator[int]:
        yield 0
        raise OSError("the disk is gone")

    async with feed(broken()) as fed:
        assert await anext(fed) == 0
        for _ in range(2):
            with pytest.raises(OSError, match="the disk is gone"):
                await anext(fed)


async def test_a_source_that_never_gives_a_row_holds_nobody_up():
    """Who leaves the block is not kept waiting for it."""
    source = Held()
    with anyio.fail_after(20):
        async with feed(source.rows()) as fed, anyio.create_task_group() as tasks:
            tasks.start_soon(anext, fed)
            await source.asked.wait()
            tasks.cancel_scope.cancel()
