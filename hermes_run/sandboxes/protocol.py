"""What a sandbox promises to the tools that run in it."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Command(msgspec.Struct, frozen=True):
    """A shell command with its bounds: *timeout_s* in seconds, *limit* in bytes of output kept."""

    line: str
    timeout_s: float
    limit: int
    directory: str = "."


class Finished(msgspec.Struct, frozen=True):
    """What a command left behind.

    ``output`` holds standard output and error as they came, cut to the limit by bytes with head
    and tail kept; ``size`` is what there was before the cut. ``exit_code`` is ``None`` where the
    command was killed: ``timed_out`` at its time limit, ``flooded`` because it wrote so much that
    it was not worth waiting for the rest.
    """

    output: bytes
    size: int
    exit_code: int | None
    timed_out: bool = False
    flooded: bool = False


class Sandbox(Protocol):
    """One session's own place: a workspace folder and the means to act in it, and nowhere else.

    Paths are relative to the workspace; an absolute path must lie in it. What a caller asks for
    and cannot have (a path that leads out, also through a link; a missing file) is an
    :class:`OSError`, which tools turn into an error result. A sandbox that broke raises
    :class:`~hermes_run.errors.SandboxError`: nobody in the session can do anything about that.
    """

    async def run(self, command: Command) -> Finished:
        """Run a command; when this returns or is cancelled, none of its processes is left.

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

    async def close(self) -> None:
        """End what still runs. The workspace stays: whoever prepared it removes it."""
        ...
