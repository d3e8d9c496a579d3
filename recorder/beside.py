"""Run a task beside a block without changing what the block raises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

import anyio


@asynccontextmanager
async def beside(task: Callable[[], Coroutine[object, object, None]]) -> AsyncGenerator[None]:
    """Run *task* while the block runs, and wait for it afterwards; the block must see to its end.

    A task group wraps what its block raises in an exception group, which would make every user of
    a recorder write ``except*``. Here what the block raises comes out as it is.
    """
    failure: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task)
        try:
            yield
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001  # raised again below, outside of the group
            failure = error
    if failure:
        raise failure
