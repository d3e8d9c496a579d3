"""A task beside a block."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from recorder.beside import beside


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run these on both event loops: they cancel differently."""
    return request.param


class Companion:
    """A task that waits for the block to end, whatever is cancelled, and then fails if it is to."""

    def __init__(self, failure: Exception | None = None):
        self.failure = failure
        self.ended, self.left = False, anyio.Event()

    async def run(self):
        """Wait, and come to an end."""
        with anyio.CancelScope(shield=True):
            await self.left.wait()
            await anyio.wait_all_tasks_blocked()
        self.ended = True
        if self.failure:
            raise self.failure


async def fail(companion, error):
    """Raise *error* in a block that *companion* runs beside."""
    async with beside(companion.run):
        companion.left.set()
        raise error


async def fail_when_cancelled(companion, scope, error):
    """Raise *error* where such a block is cancelled."""
    async with beside(companion.run):
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            companion.left.set()
            raise error


async def test_the_task_is_waited_for():
    """When the whole is over, so is the task."""
    companion = Companion()
    async with beside(companion.run):
        companion.left.set()
        assert not companion.ended
    assert companion.ended


@pytest.mark.parametrize(
    "error",
    [
        ValueError("mine"),
        KeyboardInterrupt(),
        StopAsyncIteration(),
        ExceptionGroup("mine", [ValueError("too")]),
    ],
)
async def test_what_the_block_raises_comes_out_as_it_is(error):
    """It is the same exception, no group is put around it, and the task has ended by then."""
    companion = Companion()
    with pytest.raises(type(error)) as caught:
        await fail(companion, error)
    assert caught.value is error
    assert companion.ended


async def test_a_block_that_is_cancelled_still_has_the_task_waited_for():
    """The cancellation goes on where it belongs."""
    companion = Companion()
    with anyio.CancelScope() as scope:
        async with beside(companion.run):
            scope.cancel()
            try:
                await anyio.lowlevel.checkpoint()
            finally:
                companion.left.set()
    assert scope.cancelled_caught
    assert companion.ended


async def test_what_a_cancelled_block_raises_comes_out_too():
    """A failure while cleaning up is not lost to the cancellation."""
    companion = Companion()
    with anyio.CancelScope() as scope, pytest.raises(ValueError, match="mine"):
        await fail_when_cancelled(companion, scope, ValueError("mine"))
    assert companion.ended


async def test_what_the_task_raises_comes_out_in_a_group():
    """It is nobody's block that failed."""
    companion = Companion(OSError("its own"))
    with pytest.raises(ExceptionGroup) as caught:
        async with beside(companion.run):
            companion.left.set()
    assert caught.group_contains(OSError, match="its own")
