"""Without a wall: the one called ``none``, and what there is where no wall holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command, Finished, Sandbox
from hermes_run.sandboxes.wall import Site


class Without:
    """Opens folders that commands run in as whoever started the run."""

    name = "none"

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's folder, see :func:`~hermes_run.sandboxes.plain.open_plain`.

        Raises:
            UsageError: the row asks for an image.
        """
        refuse_image(self.name, site)
        return open_plain(site.folder, site.marks, site.scratch)


class Withheld:
    """Opens folders in which no command is run: no wall holds, and none was needed so far."""

    name = "none"

    def __init__(self, why: str) -> None:
        """Say *why* to whoever wants to run a command."""
        self._why = why

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's folder; its files can be read and written.

        Raises:
            UsageError: the row asks for an image.
        """
        refuse_image(self.name, site)
        return _open_withheld(site, self._why)


class _Files:
    """A folder whose files can be read and written, and nothing else."""

    def __init__(self, sandbox: Sandbox, why: str) -> None:
        self.root = sandbox.root
        self.read = sandbox.read
        self.write = sandbox.write
        self.snapshot = sandbox.snapshot
        self.close = sandbox.close
        self._why = why

    async def run(self, command: Command) -> Finished:
        """Refuse the command.

        Raises:
            SandboxError: always; it says what no wall holds for.
        """
        raise SandboxError(f"{command.line[:80]!r} was not run. {self._why}")


@asynccontextmanager
async def _open_withheld(site: Site, why: str) -> AsyncGenerator[Sandbox]:
    async with open_plain(site.folder, site.marks, site.scratch) as sandbox:
        yield _Files(sandbox, why)


def refuse_image(name: str, site: Site) -> None:
    """Refuse a row that asks for an image behind a wall that has none.

    Raises:
        UsageError: it says what to type.
    """
    if site.image is not None:
        raise UsageError(
            f"the row asks for the image {site.image!r}, which --sandbox {name} has not: "
            "leave it out, or type --sandbox docker"
        )
