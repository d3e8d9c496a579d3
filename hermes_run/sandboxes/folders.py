"""A session's files from outside: beneath its folders, which are held open on this machine."""

from __future__ import annotations

import os
import secrets

import msgspec
from anyio import to_thread

from hermes_run.sandboxes.beneath import Root, folder_beneath, read_beneath, write_beneath
from hermes_run.sandboxes.processes import blaming_the_machine, turn_to_walk


class Folders(msgspec.Struct, frozen=True):
    """The workspace *place* and, beside it, one folder for temporary files.

    Paths are as commands see them, ``~`` too: it is the workspace.
    """

    place: Root

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file, see :meth:`Sandbox.read`."""
        with blaming_the_machine():
            return await to_thread.run_sync(
                read_beneath, self.place, _home(path), limit, limiter=turn_to_walk()
            )

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders, see :meth:`Sandbox.write`."""
        with blaming_the_machine():
            await to_thread.run_sync(
                write_beneath, self.place, _home(path), content, limiter=turn_to_walk()
            )

    async def find(self, path: str) -> str:
        """Give the real path of a folder, as commands see it.

        Raises:
            OSError: it is missing, outside, or no folder.
        """
        if path == ".":
            return self.place.path
        with blaming_the_machine():
            return await to_thread.run_sync(
                folder_beneath, self.place, _home(path), limiter=turn_to_walk()
            )

    def new_home(self) -> str:
        """Make an empty folder that nobody in the session knows of; give its path inside.

        It can be written to, for many programs do not start without that.

        Raises:
            OSError: it can't be made.
        """
        (beside,) = self.place.others
        name, owner = f"home-{secrets.token_hex(8)}", beside.owner
        os.mkdir(name, 0o700, dir_fd=beside.descriptor)
        if owner is not None:
            os.chown(name, owner, owner, dir_fd=beside.descriptor, follow_symlinks=False)
        return f"{beside.path}/{name}"


def _home(path: str) -> str:
    """Read ``~`` as the shell in there does."""
    return f"./{path[1:]}" if path == "~" or path.startswith("~/") else path
