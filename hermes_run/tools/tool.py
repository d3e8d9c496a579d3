"""A tool: a name, a schema, an effect class and an async function.

The ``tool`` decorator makes one from a function, its annotations and its docstring.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hermes_run.sandboxes.protocol import Sandbox
from recorder.messages import Effect, Json, Status


class Bounds(msgspec.Struct, frozen=True):
    """Limits of one call: time in seconds, output in bytes."""

    timeout_s: float = 120.0
    output_bytes: int = 50_000


class Context(msgspec.Struct, frozen=True):
    """Where a call runs: its session, sandbox and bounds. A parameter annotated so receives it.

    ``state`` belongs to one session and lives as long as it; a tool keeps there what it must
    remember between calls.
    """

    session: str
    sandbox: Sandbox
    bounds: Bounds = Bounds()
    state: dict[str, Any] = {}


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
    foreign schemas, which are passed on unchanged and unchecked.
    """

    name: str
    description: str
    parameters: dict[str, Json]
    effect: Effect
    run: Callable[[dict[str, Json], Context], Awaitable[Output]]
    arguments: type[msgspec.Struct] | None = None
