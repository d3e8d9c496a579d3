"""Run one command to its end: bounded in time and output, and nothing of it left behind.

The command leads a session and a process group of its own; the group is killed when the command
has ended, at its time limit, on a flood of output, and when the caller is cancelled. Output comes
through a pipe that is read here and not by the event loop's subprocess machinery: there, on some
versions of Python, a child in the background that holds the pipe open also holds up ``wait()``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from typing import Self

import anyio
import anyio.abc
from anyio.lowlevel import RunVar

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.clip import Clip, feed, render
from hermes_run.sandboxes.protocol import Command, Finished

FLOOD_BYTES = 16 * 1024 * 1024
"""A command that wrote this much past its limit is killed: nobody will read the rest."""

LINGER_S = 0.25
"""How long children in the background may still write once the command itself has ended."""

START_S = REAP_S = 10.0
"""How long a start, and the end after a kill, may take before they are given up."""

CHUNK = 65_536

_starts: RunVar[anyio.Lock] = RunVar("hermes_run.sandboxes.processes")

_EXHAUSTED = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class Pipe:
    """The pipe that a command writes to; of what goes through it a :class:`Clip` is kept."""

    def __init__(self, limit: int) -> None:
        self.clip = Clip(limit)
        self.reading: int
        self.writing: int | None
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    @property
    def flooded(self) -> bool:
        """Whether more came than is worth waiting for."""
        return self.clip.size > self.clip.limit + FLOOD_BYTES

    async def drain(self) -> None:
        """Read to the end, or until it is a flood."""
        while not self.flooded:
            await anyio.wait_readable(self.reading)
            chunk = os.read(self.reading, CHUNK)
            if not chunk:
                return
            self.clip = feed(self.clip, chunk)

    def hand_over(self) -> None:
        """Leave the writing end to the command alone, so that the pipe ends with it."""
        if self.writing is not None:
            os.close(self.writing)
        self.writing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hand_over()
        os.close(self.reading)


async def run_process(
    argv: Sequence[str | bytes], environment: Mapping[str, str], folder: str, command: Command
) -> Finished:
    """Run *argv* in *folder* with nothing but *environment*, within the bounds of *command*.

    Raises:
        OSError: the program or the folder is not there, or the arguments are too long.
        SandboxError: the machine has no room for another process.
    """
    with blaming_the_machine():
        async with turn_to_start():
            process, pipe = await _start(argv, environment, folder, command.limit)
        with pipe:
            return await _follow(process, pipe, command)


async def _start(
    argv: Sequence[str | bytes], environment: Mapping[str, str], folder: str, limit: int
) -> tuple[anyio.abc.Process, Pipe]:
    with contextlib.ExitStack() as undo:
        pipe = undo.enter_context(Pipe(limit))
        # Shielded: a start that is cancelled half-way leaves a process that nobody knows of.
        with anyio.fail_after(START_S, shield=True):
            process = await anyio.open_process(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=pipe.writing,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        pipe.hand_over()
        undo.pop_all()
        return process, pipe


def turn_to_start() -> anyio.Lock:
    """Let processes start one by one: a start holds the event loop up for a millisecond."""
    try:
        return _starts.get()
    except LookupError:
        _starts.set(anyio.Lock())
        return _starts.get()


async def _follow(process: anyio.abc.Process, pipe: Pipe, command: Command) -> Finished:
    try:
        with anyio.move_on_after(command.timeout_s):
            await _collect(process, pipe)
        code = process.returncode
    finally:
        await _end(process)
    return Finished(
        output=render(pipe.clip),
        size=pipe.clip.size,
        # A shell reports a child that died of a signal as 128 + its number; so does this.
        exit_code=code if code is None or code >= 0 else 128 - code,
        timed_out=code is None and not pipe.flooded,
        flooded=pipe.flooded,
    )


async def _collect(process: anyio.abc.Process, pipe: Pipe) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_soon_after, process, group.cancel_scope)
        await pipe.drain()
        if pipe.flooded:
            group.cancel_scope.cancel()


async def _stop_soon_after(process: anyio.abc.Process, scope: anyio.CancelScope) -> None:
    await process.wait()
    scope.deadline = anyio.current_time() + LINGER_S


async def _end(process: anyio.abc.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.move_on_after(REAP_S, shield=True):
        await process.wait()


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
