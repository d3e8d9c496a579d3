"""A tool: a name, a schema, an effect class and an async function.

The ``tool`` decorator makes one from a function, its annotations and its docstring.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

import msgspec

from hermes_run.errors import UsageError
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.tools.belongings import Belongings, Opening
from recorder.messages import Effect, Json, Status

T = TypeVar("T")


class Bounds(msgspec.Struct, frozen=True):
    """Limits of one call: time in seconds, output in bytes."""

    timeout_s: float = 120.0
    output_bytes: int = 50_000


class Context(msgspec.Struct, frozen=True):
    """Where a call runs: its session, sandbox and bounds. A parameter annotated so receives it.

    ``state`` belongs to one session and lives as long as it; a tool keeps there what it must
    remember between calls. What must be closed at the end, too, goes through :meth:`keep`.
    ``step`` is the number of the reply that made the call, in the record of the session: a call
    that is run again after a crash has the one it had before.
    """

    session: str
    sandbox: Sandbox
    bounds: Bounds = Bounds()
    state: dict[str, Any] = {}
    belongings: Belongings | None = None
    step: int | None = None

    async def keep(self, name: Hashable, make: Opening[T]) -> T:
        """Give what the session holds open under *name*, and open it where nothing is.

        Args:
            name: what all calls of the session find it by.
            make: gives a context manager, async or plain. It is entered once, in a task of its
                own, and left when the session ends, however that is.

        Raises:
            UsageError: the session is over, or this context belongs to none.
            ToolError: the opening raised what is no ``Exception``.
            Exception: whatever else the opening raised.
        """
        return await self._owner().keep(name, make)

    def keep_sync(self, name: Hashable, make: Opening[T]) -> T:
        """Do what :meth:`keep` does, for a plain function; it runs in a thread.

        Raises:
            UsageError: the session is over, or this context belongs to none.
            ToolError: the opening raised what is no ``Exception``.
            Exception: whatever else the opening raised.
        """
        return self._owner().keep_sync(name, make)

    def _owner(self) -> Belongings:
        if self.belongings is None:
            raise UsageError(
                "this context belongs to no session that could close things; make it with "
                "Context(..., belongings=...) inside `async with open_belongings() as belongings`"
            )
        return self.belongings


class Output(msgspec.Struct, frozen=True):
    """What a call gave back, with its status; ``bytes`` is the output's size before it was cut."""

    content: Json
    status: Status = "ok"
    bytes: int | None = None
    exit_code: int | None = None
    flags: tuple[str, ...] = ()


class Tool(msgspec.Struct, frozen=True):
    """A tool as the model sees it (``name``, ``description``, ``parameters``) and how it runs.

    ``arguments`` is a frozen struct type that checks the model's arguments; it is ``None`` for
    foreign schemas, which are passed on unchanged and unchecked. One that is not ``sandboxed`` has
    no use for the sandbox of its context: a session that has only such tools gets none.
    """

    name: str
    description: str
    parameters: dict[str, Json]
    effect: Effect
    run: Callable[[dict[str, Json], Context], Awaitable[Output]]
    arguments: type[msgspec.Struct] | None = None
    sandboxed: bool = True

    @property
    def has_folder(self) -> bool:
        """Whether a session that may call it has a workspace for it."""
        return self.sandboxed or self.effect == "workspace"
