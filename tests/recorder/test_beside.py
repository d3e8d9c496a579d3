"""A task beside a block."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from recorder.beside import beside


async def nothing():
    """Do nothing."""
    await anyio.lowlevel.checkpoint()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run these on both event loops."""
    return request.param


@pytest.mark.parametrize(
    "error",
    [
        ValueError("mine"),
        ExceptionGroup("mine", [ValueError("one"), ValueError("two")]),
        KeyboardInterrupt("mine"),
        SystemExit("mine"),
    ],
)
async def test_what_the_block_raises_comes_out_as_it_is(error):
    """No group is put around it, and it is the very object."""
    with pytest.raises(type(error), match="mine") as raised:
        async with beside(nothing):
            raise error
    assert raised.value is error


async def test_the_block_waits_for_the_task():
    """Whatever happened to the block."""
    done = []

    async def task():
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            done.append("task")

    async with beside(task):
        pass
    with anyio.CancelScope() as scope:
        async with beside(task):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(ValueError, match="mine"):
        async with beside(task):
            raise ValueError("mine")
    assert done == ["task"] * 3


async def test_what_the_task_raises_ends_the_block():
    """In a group, as of any task group: that is for who wrote the task to avoid."""

    async def fail():
        await anyio.lowlevel.checkpoint()
        raise ValueError("the task's")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="the task's")):
        async with beside(fail):
            await anyio.sleep_forever()


async def fail_when_cancelled(left, scope, error):
    """Raise *error* where a block is cancelled whose task goes on until it was left."""

    async def task():
        with anyio.CancelScope(shield=True):
            await left.wait()
            await anyio.wait_all_tasks_blocked()

    async with beside(task):
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            left.set()
            raise error


async def test_what_a_cancelled_block_raises_comes_out_too():
    """A failure while cleaning up is not lost to the cancellation."""
    with anyio.CancelScope() as scope, pytest.raises(ValueError, match="mine"):
        await fail_when_cancelled(anyio.Event(), scope, ValueError("mine"))
