"""What an engine answers, as far as it is used: https://docs.docker.com/reference/api/engine/.

The client takes any JSON; here it becomes what it should be, or an error. Pure.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Answer = TypeVar("Answer", bound=msgspec.Struct)


class Info(msgspec.Struct, frozen=True):
    """What an engine says of itself."""

    security: list[str] | None = msgspec.field(default=None, name="SecurityOptions")
    memory: bool = msgspec.field(default=False, name="MemoryLimit")
    processes: bool = msgspec.field(default=False, name="PidsLimit")
    weights: bool = msgspec.field(default=False, name="CPUShares")


class Refusal(msgspec.Struct, frozen=True):
    """Why it says no."""

    message: str


class Progress(msgspec.Struct, frozen=True):
    """One line of what it says while it pulls."""

    error: str | None = None


class ImageConfig(msgspec.Struct, frozen=True):
    """How an image wants to be run."""

    volumes: dict[str, Any] | None = msgspec.field(default=None, name="Volumes")


class Image(msgspec.Struct, frozen=True):
    """An image."""

    config: ImageConfig | None = msgspec.field(default=None, name="Config")


class State(msgspec.Struct, frozen=True):
    """How a container is; ``pid`` is its first process on the machine of the engine."""

    out_of_memory: bool = msgspec.field(default=False, name="OOMKilled")
    pid: int = msgspec.field(default=0, name="Pid")


class Shown(msgspec.Struct, frozen=True):
    """A container."""

    state: State = msgspec.field(name="State")


class Listed(msgspec.Struct, frozen=True):
    """A container in a list."""

    id: str = msgspec.field(name="Id")
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")


class Ran(msgspec.Struct, frozen=True):
    """A command that was started."""

    running: bool = msgspec.field(name="Running")
    exit_code: int | None = msgspec.field(default=None, name="ExitCode")


def read_answer(answer: object, kind: type[Answer]) -> Answer:
    """Take an answer for what it should be.

    Raises:
        msgspec.ValidationError: it is not.
    """
    return msgspec.convert(answer, kind)
