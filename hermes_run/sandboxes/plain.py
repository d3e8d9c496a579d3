"""The sandbox called ``none``: a workspace folder, and no wall around it.

File tools stay beneath the folder, commands get a clean environment, bounds and an end; but a
command may do whatever the user who started the run may do, and a process that makes itself a
session of its own (``setsid``) outlives its call.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from anyio import to_thread

from hermes_run.sandboxes.beneath import Root, folder_beneath, read_beneath, write_beneath
from hermes_run.sandboxes.mirror import Mirror, update_mirror
from hermes_run.sandboxes.processes import blaming_the_machine, run_process
from hermes_run.sandboxes.protocol import Command, Finished, Sandbox

LINE_BYTES = 131_000
"""The longest command: Linux takes 128 KiB in one argument."""


class Plain:
    """A folder that commands run in and files are opened beneath."""

    def __init__(self, folder: Path, marks: Mapping[str, str]) -> None:
        """Hold *folder* open, which must be there."""
        path = os.path.realpath(folder)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self._root = Root(path=path, descriptor=os.open(path, flags))
        self.root = path
        self._shell = shutil.which("bash") or "/bin/sh"
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": path,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **marks,
        }

    async def run(self, command: Command) -> Finished:
        """Run a command by ``bash -c``, or ``sh -c`` where there is no bash."""
        line = command.line.encode("utf-8", "replace")
        if b"\0" in line:
            raise OSError(errno.EINVAL, "a command can't hold a NUL character")
        if len(line) > LINE_BYTES:
            raise OSError(errno.E2BIG, f"a command can have {LINE_BYTES} bytes, not {len(line)}")
        folder = await self._folder(command.directory)
        argv = [self._shell, "-c", line]
        return await run_process(argv, self._environment, folder, command)

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file."""
        with blaming_the_machine():
            return await to_thread.run_sync(read_beneath, self._root, _home(path), limit)

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders."""
        with blaming_the_machine():
            await to_thread.run_sync(write_beneath, self._root, _home(path), content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy the workspace as it stands."""
        return await update_mirror(mirror, seq)

    async def close(self) -> None:
        """Let go of the folder; commands end with the calls that run them."""
        if self._root.descriptor >= 0:
            os.close(self._root.descriptor)
        self._root = Root(path=self._root.path, descriptor=-1)

    async def _folder(self, path: str) -> str:
        if path == ".":
            return self._root.path
        with blaming_the_machine():
            return await to_thread.run_sync(folder_beneath, self._root, _home(path))


@contextlib.asynccontextmanager
async def open_plain(
    folder: Path, marks: Mapping[str, str] | None = None
) -> AsyncGenerator[Sandbox]:
    """Give a sandbox without a wall whose workspace is *folder*, which must be there.

    *marks* are added to the environment of its commands, see
    :mod:`~hermes_run.sandboxes.fencing`.

    Raises:
        OSError: there is no such folder.
    """
    sandbox = Plain(folder, marks or {})
    try:
        yield sandbox
    finally:
        await sandbox.close()


def _home(path: str) -> str:
    """Read ``~`` as the shell in there does: it is the workspace."""
    return f"./{path[1:]}" if path == "~" or path.startswith("~/") else path
