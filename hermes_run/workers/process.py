"""The process of a worker, and the head's end of the way to it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteReceiveStream, Process, UNIXSocketStream

from hermes_run.workers.channel import Channel, open_channel

_END_S = 10.0
"""How long a process that was killed may take to be gone."""

_LEAVE_S = 30.0
"""How long one may take to close what it has open, after it said its last word."""

_SAID = 8_000
"""So much of what it wrote last to standard error is kept, in bytes."""


class Worker:
    """A running worker; made by :func:`open_worker`."""

    def __init__(self, process: Process, channel: Channel) -> None:
        self.channel = channel
        self.pid = process.pid
        self._process = process
        self._said = b""

    async def keep_what_it_says(self, stream: ByteReceiveStream) -> None:
        """Keep the end of its standard error: nothing is there unless it broke."""
        async for piece in stream:
            self._said = (self._said + piece)[-_SAID:]

    async def end(self) -> str:
        """Wait until it is gone; says how it ended, and what it said last."""
        with anyio.move_on_after(_LEAVE_S):
            await self._process.wait()
        code = self._process.returncode
        if code is None:
            return "it does not end"
        how = f"it ended with exit code {code}"
        if code < 0:
            how = f"it was killed by {signal.Signals(-code).name}"
        said = self._said.decode("utf-8", "replace").strip()
        return f"{how}: {said}" if said else how


@asynccontextmanager
async def open_worker(lock: int | None) -> AsyncGenerator[Worker]:
    """Start a worker; what is left of it when the block ends is killed.

    It has a session of its own, so that a terminal's Ctrl-C comes to the head alone.

    Args:
        lock: the descriptor of the run directory's lock. The worker holds it, too: while one is
            there, nobody else owns the run.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        inherited = [theirs.fileno(), *([] if lock is None else [lock])]
        process = await anyio.open_process(
            [sys.executable, "-m", "hermes_run.workers", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            start_new_session=True,
        )
    stream = await UNIXSocketStream.from_socket(ours)
    try:
        async with open_channel(stream) as channel, anyio.create_task_group() as tasks:
            worker = Worker(process, channel)
            if process.stderr:
                tasks.start_soon(worker.keep_what_it_says, process.stderr)
            yield worker
            tasks.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(_END_S, shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()
