"""One command in a session: its script and its FIFO in the control folder, and what it wrote.

The FIFO is read here and written by the command. A writing end is held here, too, until the
supervisor reports the end: until then there is no end of the output, whoever closes theirs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
from typing import Self

import anyio

from hermes_run.sandboxes.clip import Clip, feed, render
from hermes_run.sandboxes.control import Control, make_fifo, make_script, open_to_write
from hermes_run.sandboxes.processes import FLOOD_BYTES, LINE_BYTES, LINGER_S, read_away
from hermes_run.sandboxes.protocol import Command, Finished

DRIPS, DRIP_BYTES, DRIP_S = 32, 1024, 0.01
"""After so many reads of so few bytes each, there is a pause of so many seconds between two."""


DISCARD_S = 0.05
"""How often output that nobody wants is read: its writer waits, and nobody else."""


class Call:
    """A command that runs: opened when it is sent off, closed when it is over."""

    def __init__(self, number: int, command: Command) -> None:
        """Prepare the call *number* of a session; nothing is made yet."""
        self.number = number
        self.command = command
        self.clip = Clip(command.limit)
        self.keeper = 0
        self.code: int | None = None
        self.group = 0
        self.stopped: str | None = None
        self.killed = False
        self.asked = False
        self.drained = False
        self.told = anyio.Event()
        self._scope = anyio.CancelScope()
        self._reading = self._held = -1
        self._undo = contextlib.ExitStack()

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of the command itself."""
        return self.code is not None or self.stopped is not None

    @property
    def ended(self) -> bool:
        """Whether the command ended by itself."""
        return self.code is not None and not self.killed

    @property
    def flooded(self) -> bool:
        """Whether more came than is worth waiting for."""
        return self.clip.size > self.clip.limit + FLOOD_BYTES

    def open(self, control: Control, folder: str, home: str = "") -> Self:
        """Make script and FIFO in the control folder; *home* is not the usual one, if given.

        Raises:
            OSError: they can't be made.
        """
        with contextlib.ExitStack() as undo:
            content = _script(self.command.line, folder, home)
            make_script(undo, control, f"{self.number}.sh", content)
            self._reading = make_fifo(undo, control, str(self.number), os.O_RDONLY)
            self._held = open_to_write(control, str(self.number))
            undo.callback(self._release)
            self._undo = undo.pop_all()
        return self

    def close(self) -> None:
        """Remove script and FIFO, and read no more."""
        self._undo.close()

    async def drain(self, deadline: float) -> None:
        """Read until the output ends, or is a flood, or *deadline* has come."""
        with anyio.CancelScope(deadline=deadline) as self._scope:
            await self._drain()

    def end(self, code: int, group: int) -> None:
        """Take note that the command ended with *code*, and that *group* is left of it."""
        self.code, self.group = code, group
        self._release()
        self._scope.deadline = min(self._scope.deadline, anyio.current_time() + LINGER_S)
        self.told.set()

    def stop(self, reason: str) -> None:
        """Take note that the command was killed along with everything in the session."""
        if self.code is None and not self.killed:
            self.stopped = self.stopped or reason
        self._release()
        self._scope.cancel()
        self.told.set()

    def leave(self) -> int:
        """Give a descriptor of the output that goes on when the call is closed."""
        return os.dup(self._reading)

    def finished(self) -> Finished:
        """What the command left behind."""
        return Finished(
            output=render(self.clip),
            size=self.clip.size,
            exit_code=None if self.killed else self.code,
            timed_out=self.killed and not self.flooded,
            flooded=self.flooded,
            stopped=self.stopped,
        )

    async def _drain(self) -> None:
        drips = 0
        while not self.flooded:
            await anyio.wait_readable(self._reading)
            chunk = read_away(self._reading)
            if chunk == b"":
                self.drained = True
                return
            self.clip = feed(self.clip, chunk or b"")
            if chunk is None or len(chunk) < DRIP_BYTES:
                drips += 1
                await anyio.sleep(DRIP_S if drips > DRIPS else 0)

    def _release(self) -> None:
        if self._held >= 0:
            os.close(self._held)
        self._held = -1


async def discard(reading: int) -> None:
    """Read what a command in the background still writes, in no hurry, to its end."""
    try:
        while True:
            await anyio.wait_readable(reading)
            if read_away(reading) == b"":
                return
            await anyio.sleep(DISCARD_S)
    finally:
        os.close(reading)


def checked(line: str) -> bytes:
    """Give the bytes of a command.

    Raises:
        OSError: a shell can't be given that.
    """
    content = line.encode("utf-8", "replace")
    if b"\0" in content:
        raise OSError(errno.EINVAL, "a command can't hold a NUL character")
    if len(content) > LINE_BYTES:
        raise OSError(errno.E2BIG, f"a command can have {LINE_BYTES} bytes, not {len(content)}")
    return content


def _script(line: str, folder: str, home: str) -> bytes:
    """Write out the variables that the supervisor takes."""
    quoted = b"'" + checked(line).replace(b"'", b"'\"'\"'") + b"'"
    others = f"\nfolder={shlex.quote(folder)}\nhome={shlex.quote(home)}\n"
    return b"line=" + quoted + os.fsencode(others)
