"""What waits in a test that hangs: the tasks of every event loop, shortly before it is given up.

The stack of a thread that runs an event loop only says that the loop waits; what waits in it are
its tasks.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Generator
from types import CoroutineType
from typing import TextIO

import pytest

_BEFORE_S = 20.0
_SCREEN = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the standard error there is now: that of a test is captured."""
    config.stash[_SCREEN] = os.fdopen(os.dup(2), "w", buffering=1)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close it again."""
    config.stash[_SCREEN].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Say what waits when a test takes nearly as long as it may."""
    allowed_s = float(item.config.getini("faulthandler_timeout"))
    clock = threading.Timer(allowed_s - _BEFORE_S, tell, (item.nodeid, item.config.stash[_SCREEN]))
    clock.daemon = True
    clock.start()
    try:
        return (yield)
    finally:
        clock.cancel()


def tell(name: str, screen: TextIO) -> None:
    """Write every task of every event loop of this process, with where it waits, to *screen*."""
    print(f"\n{name} takes long; what waits:", file=screen)
    for loop in gc.get_objects():
        if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running():
            print(loop, file=screen)
            for task in asyncio.all_tasks(loop):
                print(f"  {task.get_name()}", *_places(task.get_coro()), sep="\n    ", file=screen)


def _places(waiting: object) -> Generator[str]:
    """Give the lines where a coroutine waits, from the outermost to what it waits for."""
    while isinstance(waiting, CoroutineType):
        frame = waiting.cr_frame
        if frame:
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        waiting = waiting.cr_await
    yield repr(waiting)
