"""The process of a worker, and the head's end of the way to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
import msgspec
from anyio.abc import Process, UNIXSocketStream

from hermes_run.errors import WorkerError
from hermes_run.workers.channel import Channel, open_channel

_START_S = 10.0
"""How long it may take until there is a process, long before it can do anything."""

_END_S = 10.0
"""How long a process that was killed may take to be gone."""

_LEAVE_S = 30.0
"""How long one may take to close what it has open, after it said its last word."""

_LAST_WORDS_S = 1.0
"""How long what it said last may take to be here; what it started may keep the way open."""

_SAID = 8_000
"""So much of what it wrote last to standard error is kept, in bytes."""


class Ending(msgspec.Struct, frozen=True):
    """How a worker ended, in words, and whether it was killed."""

    text: str
    killed: bool = False


class Worker:
    """A running worker; made by :func:`open_worker`."""

    def __init__(self, process: Process, end: socket.socket, channel: Channel) -> None:
        self.channel = channel
        self.pid = process.pid
        self._process = process
        self._end = end
        self._said = b""
        self._silent = anyio.Event()

    async def keep_what_it_says(self) -> None:
        """Keep the end of its standard error: nothing is there unless it broke."""
        if self._process.stderr:
            async for piece in self._process.stderr:
                self._said = (self._said + piece)[-_SAID:]
        self._silent.set()

    async def listen_while_it_lives(self) -> None:
        """Let the channel end with the process: what that has forked may hold the other end."""
        await self._process.wait()
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RD)

    async def end(self) -> Ending:
        """Wait until it is gone; says how it ended, and what it said last."""
        with anyio.move_on_after(_LEAVE_S):
            await self._process.wait()
        code = self._process.returncode
        if code is None:
            return Ending("it does not end")
        with anyio.move_on_after(_LAST_WORDS_S):
            await self._silent.wait()
        said = self._said.decode("utf-8", "replace").strip()
        how = how_it_ended(code)
        return Ending(f"{how}: {said}" if said else how, killed=code < 0)


def how_it_ended(code: int) -> str:
    """Say what the exit code of a process means; a negative one is that of a signal."""
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # not all have a name
        name = f"signal {-code}"
    return f"it was killed by {name}"


@asynccontextmanager
async def open_worker(lock: int | None) -> AsyncGenerator[Worker]:
    """Start a worker; what is left of it when the block ends is killed.

    It has a session of its own, so that a terminal's Ctrl-C comes to the head alone.

    Args:
        lock: the descriptor of the run directory's lock. The worker holds it, too: while one is
            there, nobody else owns the run.

    Raises:
        WorkerError: there can be no more processes.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = await _start([theirs.fileno(), *([] if lock is None else [lock])])
        try:
            stream = await UNIXSocketStream.from_socket(ours)
            async with open_channel(stream) as channel, anyio.create_task_group() as tasks:
                worker = Worker(process, ours, channel)
                tasks.start_soon(worker.keep_what_it_says)
                tasks.start_soon(worker.listen_while_it_lives)
                yield worker
                tasks.cancel_scope.cancel()
        finally:
            await _kill(process)


async def _start(inherited: list[int]) -> Process:
    # What does not look for modules in the current folder must not begin to do so here.
    is_safe = not {"", os.getcwd()} & set(sys.path)  # noqa: PTH109  # as it stands in the path
    program = [sys.executable, *(["-P"] if is_safe else []), "-m", "hermes_run.workers"]
    try:
        with anyio.fail_after(_START_S, shield=True):  # a cancelled start leaves what it started
            return await anyio.open_process(
                [*program, *map(str, inherited)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=inherited,
                start_new_session=True,
            )
    except OSError as error:
        raise WorkerError(f"a process that is to run sessions can't be started: {error}") from error


async def _kill(process: Process) -> None:
    with anyio.move_on_after(_END_S, shield=True):
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.aclose()
