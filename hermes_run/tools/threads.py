"""Run a user's plain function beside the event loop.

anyio's own worker threads are for work that ends. A user's function may not: then its call ends at
its time limit, and neither the next call nor the end of the program waits for it. So these are
daemon threads, one a call, with a number of their own.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import anyio
from anyio import from_thread
from anyio.lowlevel import RunVar, current_token

from hermes_run.limiters import limiter_in
from hermes_run.tools.foreign import ordinary

AT_ONCE = 64
"""Plain functions that run at once; the others wait, and their time runs."""

_places: RunVar[anyio.CapacityLimiter] = RunVar("hermes_run.tools.threads")


async def in_thread(function: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Give what *function* returns, or raise what it raises; a cancelled call leaves it behind.

    Raises:
        ToolError: it raised what is no ``Exception``. In a thread of its own nothing can mean that
            the caller is cancelled, or that somebody wants the program to end.
    """
    loop, done = current_token(), anyio.Event()
    context = contextvars.copy_context()
    result: list[Any] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            result.append(context.run(function))
        except BaseException as error:  # noqa: BLE001 - raised again where the call is awaited
            failure.append(error)
        # The loop may be gone by now, and with it whoever asked.
        with contextlib.suppress(RuntimeError):
            from_thread.run_sync(done.set, token=loop)

    async with limiter_in(_places, AT_ONCE):
        threading.Thread(target=work, name="hermes-run tool", daemon=True).start()
        await done.wait()
    if failure:
        raise ordinary(failure[0])
    return result[0]
