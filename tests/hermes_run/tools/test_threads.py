"""Users' plain functions run beside the loop, and nobody waits for one that does not end."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import anyio
import pytest

from hermes_run.errors import ToolError
from hermes_run.tools.threads import in_thread


async def test_a_function_gives_its_result_from_another_thread():
    """It sees the context of its caller, and can't change it."""
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("outside")

    def look() -> tuple[str, bool]:
        seen = variable.get()
        variable.set("inside")
        return seen, threading.current_thread() is threading.main_thread()

    assert await in_thread(look) == ("outside", False)
    assert variable.get() == "outside"


async def test_what_a_function_raises_is_raised_where_it_is_awaited():
    """As it is."""

    def fail() -> None:
        raise KeyError(3)

    with pytest.raises(KeyError):
        await in_thread(fail)


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()]
)
async def test_what_would_end_the_program_is_an_ordinary_error_from_a_thread(error):
    """Nobody cancels a thread, and nobody presses a key in it."""

    def leave() -> None:
        raise error

    with pytest.raises(ToolError, match=type(error).__name__) as caught:
        await in_thread(leave)
    assert caught.value.__cause__ is error


STUCK = """
import threading, anyio
from hermes_run.tools.threads import in_thread

async def main():
    with anyio.move_on_after(0.05):
        await in_thread(threading.Event().wait)
    print("left")

anyio.run(main)
"""


def test_a_function_that_never_ends_does_not_keep_the_program():
    """Neither the loop nor the interpreter waits for its thread."""
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "left\n", "")


def test_a_function_may_end_after_the_loop_is_gone():
    """Its result is nobody's, and that is no error."""
    go_on = threading.Event()
    threads: list[threading.Thread] = []

    def late() -> None:
        threads.append(threading.current_thread())
        go_on.wait()

    async def leave() -> None:
        with anyio.move_on_after(0.05):
            await in_thread(late)

    anyio.run(leave)
    go_on.set()
    threads[0].join(10)
    assert not threads[0].is_alive()
