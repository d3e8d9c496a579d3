"""What a sandbox promises to the tools that run in it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from hermes_run.sandboxes.mirror import Mirror


class Command(msgspec.Struct, frozen=True):
    """A shell command with its bounds: *timeout_s* in seconds, *limit* in bytes of output kept.

    What a *lasting* command leaves running in the background goes on until the sandbox is closed.
    With *alone*, nothing of the session runs beside it: what was left running is ended first. It
    finds the files as they are, and as its home an empty folder that was made for it.
    """

    line: str
    timeout_s: float
    limit: int
    directory: str = "."
    lasting: bool = False
    alone: bool = False


class Finished(msgspec.Struct, frozen=True):
    """What a command left behind.

    ``output`` holds standard output and error as they came, cut to the limit by bytes with head
    and tail kept; ``size`` is what there was before the cut. ``exit_code`` is ``None`` where the
    command was killed: ``timed_out`` at its time limit, ``flooded`` because it wrote so much that
    it was not worth waiting for the rest. ``stopped`` says in words which bound of the sandbox it
    was killed for, as memory or disk.
    """

    output: bytes
    size: int
    exit_code: int | None
    timed_out: bool = False
    flooded: bool = False
    stopped: str | None = None


class Sandbox(Protocol):
    """One session's own place: a workspace folder and the means to act in it, and nowhere else.

    ``root`` is the path of the workspace as commands see it. Paths are relative to it; an absolute
    path must lie in it, or in the temporary folder where the sandbox has one of its own. What a
    caller asks for and cannot have (a path that leads out, also through a link; a missing file) is
    an :class:`OSError`, which tools turn into an error result. A sandbox that broke raises
    :class:`~hermes_run.errors.SandboxError`: nobody in the session can do anything about that.
    """

    root: str

    async def run(self, command: Command) -> Finished:
        """Run a command; when this returns or is cancelled, none of its processes is left.

        A lasting command is ended too where it was killed or cancelled.

        Raises:
            OSError: the folder is not there, or the line is nothing that a shell can be given.
        """
        ...

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file, following no link out of the workspace.

        Raises:
            OSError: the file is missing, outside, no regular file, or unreadable.
        """
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders.

        Raises:
            OSError: it is outside, no regular file, or can't be written.
        """
        ...

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy the workspace as it stands after fact number *seq*; tell whether there is a copy."""
        ...

    async def close(self) -> None:
        """End what still runs. The workspace stays: whoever prepared it removes it."""
        ...
