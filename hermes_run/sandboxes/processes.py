"""Bounds and manners that all sandboxes share where they start processes."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator

import anyio
from anyio.lowlevel import RunVar

from hermes_run.errors import SandboxError
from hermes_run.limiters import limiter_in

LINE_BYTES = 131_000
"""The longest command: Linux takes 128 KiB in one argument."""

FLOOD_BYTES = 16 * 1024 * 1024
"""A command that wrote this much past its limit is killed: nobody will read the rest."""

LINGER_S = 0.25
"""How long children in the background may still write once the command itself has ended."""

START_S = 10.0
"""How long a start may take before it is given up."""

CHUNK = 65_536

_starts: RunVar[anyio.CapacityLimiter] = RunVar("hermes_run.sandboxes.processes")

WALKS = 4
"""So many paths are walked at once: each may hold a descriptor for every folder on its way."""

_walks: RunVar[anyio.CapacityLimiter] = RunVar("hermes_run.sandboxes.processes.walks")

OPENING = 2 * (os.cpu_count() or 2)
"""So many sandboxes are opened at once: what each does until it is there takes processors away."""

_openings: RunVar[anyio.CapacityLimiter] = RunVar("hermes_run.sandboxes.processes.openings")

_EXHAUSTED = {errno.ENOMEM, errno.EMFILE, errno.ENFILE}


def turn_to_start() -> anyio.CapacityLimiter:
    """Let processes start one by one: a start holds the event loop up for a millisecond."""
    return limiter_in(_starts, 1)


def turn_to_open() -> anyio.CapacityLimiter:
    """Let a few sandboxes be opened at a time."""
    return limiter_in(_openings, OPENING)


def read_away(pipe: int, limit: int = CHUNK) -> bytes | None:
    """Read from a pipe that is readable; nothing where somebody else has read it before."""
    try:
        return os.read(pipe, limit)
    except BlockingIOError:
        return None


def turn_to_walk() -> anyio.CapacityLimiter:
    """Let a few paths be walked at a time, see :mod:`~hermes_run.sandboxes.beneath`."""
    return limiter_in(_walks, WALKS)


@contextlib.contextmanager
def blaming_the_machine() -> Generator[None]:
    """Turn what no caller can do anything about into a :class:`SandboxError`."""
    try:
        yield
    except TimeoutError as error:
        raise SandboxError("the machine did not answer in time") from error
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise SandboxError(f"the machine has no room: {error.strerror}") from error
        raise
