"""Run a task beside a block without changing what the block raises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def beside(task: Callable[[], Awaitable[None]]) -> AsyncIterator[TaskGroup]:
    """Run *task* while the block runs, and wait for it afterwards; gives the group it runs in.

    A task group wraps what its block raises in an exception group, which would make every user of
    a recorder write ``except*``. Here an ordinary exception of the block comes out as it is. The
    block ends the task, or cancels the group.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task)
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001  # raised again below, outside of the group
            failure = error
    if failure:
        raise failure
