"""What tools hold open for one session: clients, connections, temporary folders.

Each thing is a context manager and is entered and left in one task of its own, which the session
owns. So it may hold cancel scopes and task groups, it outlives the call that opened it, and a call
that is cancelled leaves it whole. It is closed with the session, also with one that is cancelled:
shielded, within a time limit, the last opened first. Whatever a close raises is in the log and no
concern of the session.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

import anyio
from anyio import from_thread
from anyio.abc import TaskGroup
from anyio.lowlevel import current_token

from hermes_run.errors import UsageError, leaves
from hermes_run.tools.foreign import go_on_after, ordinary
from hermes_run.tools.threads import in_thread

CLOSE_S = 5.0
"""How long the close of one thing may take, in seconds, before it is cancelled."""

T = TypeVar("T")
Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[T] | AbstractContextManager[T]]

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # where nobody keeps a log, it is not for the screen


class Belongings:
    """What is held open; made by :func:`open_belongings`."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._loop = current_token()
        self._held: dict[Hashable, _Holding] = {}
        self._closed = False

    async def keep(self, name: Hashable, make: Opening[T]) -> T:
        """Give what is held under *name*, and open it with *make* where nothing is.

        What failed to open, or broke while it was held, is opened anew the next time. An opening
        belongs to the session: it goes on where the call that began it is cancelled.

        Raises:
            UsageError: the session is over.
            ToolError: the opening raised what is no ``Exception``.
            Exception: whatever else the opening raised.
        """
        if self._closed:
            raise UsageError(f"{name} can't be opened: the session is over")
        holding = self._held.get(name)
        if holding is None:
            holding = self._held[name] = _Holding(name)
            self._tasks.start_soon(self._hold, holding, make)
        await holding.ready.wait()
        if holding.failure:
            raise holding.failure
        return cast("T", holding.value)

    def keep_sync(self, name: Hashable, make: Opening[T]) -> T:
        """Do what :meth:`keep` does, for a plain function in a thread.

        Raises:
            UsageError: the session is over.
            ToolError: the opening raised what is no ``Exception``.
            Exception: whatever else the opening raised.
        """
        return from_thread.run(partial(self.keep, name, make), token=self._loop)

    async def close(self) -> None:
        """Close everything, the last opened first; nothing can be opened any more."""
        self._closed = True
        for holding in reversed(list(self._held.values())):
            holding.leave.set()
            if not holding.ready.is_set():
                holding.scope.cancel()
            with anyio.move_on_after(CLOSE_S, shield=True):
                await holding.gone.wait()
            if not holding.gone.is_set():
                _log.warning("%s did not close within %g s", holding.name, CLOSE_S)
                holding.scope.cancel()

    async def _hold(self, holding: _Holding, make: Opening[Any]) -> None:
        try:
            # The end of the session cancels the tasks in it: this one ends when it is told to.
            with holding.scope:
                async with _entered(make()) as value:
                    holding.value = value
                    holding.ready.set()
                    await holding.leave.wait()
        # Nobody cancels this task but through the scope, which keeps that to itself: whatever
        # comes out of it is what is held, or the end of the program.
        except BaseException as error:  # noqa: BLE001 - all of it becomes a fact
            await go_on_after(error)
            self._note(holding, error)
        finally:
            if self._held.get(holding.name) is holding and not self._closed:
                del self._held[holding.name]
            if not holding.ready.is_set() and holding.failure is None:
                holding.failure = UsageError(f"{holding.name} was not open when the session ended")
            holding.ready.set()
            holding.gone.set()

    def _note(self, holding: _Holding, error: BaseException) -> None:
        if not holding.ready.is_set():
            holding.failure = ordinary(leaves(error)[0])
            return
        doing = "closing" if holding.leave.is_set() else "holding"
        _log.warning("%s %s failed", doing, holding.name, exc_info=error)


class _Holding:
    """One thing that is held, by the task that entered it."""

    def __init__(self, name: Hashable) -> None:
        self.name = name
        self.scope = anyio.CancelScope(shield=True)
        self.ready, self.leave, self.gone = anyio.Event(), anyio.Event(), anyio.Event()
        self.value: Any = None
        self.failure: Exception | None = None


@asynccontextmanager
async def open_belongings() -> AsyncGenerator[Belongings]:
    """Open an owner of what is held open; all of it is closed when the block is left."""
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        belongings = Belongings(tasks)
        try:
            yield belongings
        except Exception as error:  # noqa: BLE001 - raised below, out of the task group's own group
            failure = error
        finally:
            with anyio.CancelScope(shield=True):  # every wait in it has its own limit
                await belongings.close()
    if failure:
        raise failure


@asynccontextmanager
async def _entered(
    manager: AbstractAsyncContextManager[T] | AbstractContextManager[T],
) -> AsyncGenerator[T]:
    """Enter either kind of context manager; a plain one works in threads."""
    if isinstance(manager, AbstractAsyncContextManager):
        async with manager as value:
            yield value
        return
    value = await in_thread(manager.__enter__)
    try:
        yield value
    finally:
        await in_thread(partial(manager.__exit__, None, None, None))
