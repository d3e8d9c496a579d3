"""What foreign code raises: which of it ends the caller, and which is only a failure of its own.

A tool may raise anything. A library of its own may have cancelled a task that the tool waits for,
and that looks as if its session had been cancelled; only asking tells the two apart.
"""

from __future__ import annotations

import functools
import signal
import threading

import anyio
from anyio.lowlevel import checkpoint

from hermes_run.errors import ToolError, leaves


async def go_on_after(error: BaseException) -> None:
    """Return where foreign code in this task raised *error* and its caller is to go on.

    Raises:
        BaseException: the caller itself is cancelled, interrupted or closed.
    """
    kinds = [type(each) for each in leaves(error)]
    if any(issubclass(kind, GeneratorExit) for kind in kinds) and _is_closing():
        raise error
    if any(issubclass(kind, KeyboardInterrupt) for kind in kinds) and _raises_on_interrupt():
        raise error
    if any(issubclass(kind, anyio.get_cancelled_exc_class()) for kind in kinds):
        # Twice: whoever waits for this task may have been cancelled, and is just learning of it.
        await checkpoint()
        await checkpoint()


def ordinary(error: BaseException) -> Exception:
    """Give *error* as what ends nobody but who asked."""
    if isinstance(error, Exception):
        return error
    wrapped = ToolError(said(error))
    wrapped.__cause__ = error
    return wrapped


def said(error: BaseException) -> str:
    """Name the first cause of *error* by its type, and with its text if it has one."""
    first = leaves(error)[0]
    if isinstance(first, ToolError):
        return str(first)
    try:
        text = str(first)
    except Exception:  # noqa: BLE001 - foreign code once more: the failure is known by its type
        text = ""
    return f"{type(first).__name__}: {text}" if text else type(first).__name__


def _is_closing() -> bool:
    """Whether no task runs, so that this coroutine is only being closed."""
    try:
        anyio.get_current_task()
    except (RuntimeError, LookupError):
        return True
    return False


def _raises_on_interrupt() -> bool:
    """Whether Ctrl-C raises here; where the event loop takes the signal, it does not."""
    if threading.current_thread() is not threading.main_thread():
        return False
    taken_by = signal.getsignal(signal.SIGINT)
    # asyncio's own runner cancels at the first one, and raises at the second.
    return taken_by is signal.default_int_handler or isinstance(taken_by, functools.partial)
