"""The sandbox called ``none``: a workspace folder, and no wall around it.

File tools stay beneath the folder, commands get a clean environment, bounds and an end; but a
command may do whatever the user who started the run may do. What lasting commands leave behind ends
with the sandbox, also where it has made itself a session of its own (``setsid``) or was stopped: it
is found by its mark, see :mod:`~hermes_run.sandboxes.fencing`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import anyio

from hermes_run.sandboxes.fencing import VARIABLE, end_marked
from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import CONTROL, TEMPORARY, Machine, open_machine
from hermes_run.sandboxes.mirror import Mirror
from hermes_run.sandboxes.protocol import Command, Finished, Sandbox
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.workspaces import REMOVAL_S, remove

UNBOUNDED = Allowance(memory=2**60, disk=2**60, network=True)
"""Without a wall a command may take what its user may."""


class Plain:
    """A session's machine without what holds it to bounds: there is no wall to hold it to."""

    def __init__(self, machine: Machine) -> None:
        self.root = machine.root
        self._machine = machine
        self._may_leave = False

    async def run(self, command: Command) -> Finished:
        """Run a command by ``bash -c``, or ``sh -c`` where there is no bash."""
        if command.alone:
            await self._end()
        self._may_leave |= command.lasting
        return await self._machine.run(command)

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file."""
        return await self._machine.read(path, limit)

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders."""
        await self._machine.write(path, content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy the workspace as it stands."""
        return await self._machine.snapshot(mirror, seq)

    async def close(self) -> None:
        """End what still runs, and let go of the folder."""
        with anyio.CancelScope(shield=True):  # all waits have a limit
            await self._machine.close()
            await self._end_marked()

    async def _end(self) -> None:
        with anyio.CancelScope(shield=True):  # all waits have a limit
            await self._machine.end()
            await self._end_marked()

    async def _end_marked(self) -> None:
        if self._may_leave:
            await end_marked(self._machine.site.marks[VARIABLE])
        self._may_leave = False


@contextlib.asynccontextmanager
async def open_plain(
    folder: Path, marks: Mapping[str, str] | None = None, scratch: Path | None = None
) -> AsyncGenerator[Sandbox]:
    """Give a sandbox without a wall whose workspace is *folder*, which must be there.

    Args:
        folder: the workspace.
        marks: added to the environment of its commands, see
            :mod:`~hermes_run.sandboxes.fencing`.
        scratch: a folder for what it must keep on disk while it is open, or one is made.

    Raises:
        OSError: there is no such folder.
        SandboxError: it can't be opened.
    """
    async with _scratch(scratch) as beside:
        site = _site(folder, beside, marks or {})
        async with open_machine(_launch(site), site, UNBOUNDED) as machine:
            sandbox = Plain(machine)
            try:
                yield sandbox
            finally:
                await sandbox.close()


def _site(folder: Path, scratch: Path, marks: Mapping[str, str]) -> Site:
    """Free the paths of links: they are compared with what commands print."""
    if VARIABLE not in marks:
        marks = {VARIABLE: f"sandbox/{uuid.uuid4().hex}", **marks}
    return Site(folder.resolve(strict=True), scratch.resolve(strict=True), marks)


def _launch(site: Site) -> Launch:
    temporary = str(site.scratch / TEMPORARY)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(site.folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": temporary,
        **site.marks,
    }
    return Launch(
        argv=(),
        environment=environment,
        descriptors=(),
        root=str(site.folder),
        temporary=temporary,
        control=str(site.scratch / CONTROL),
        commands=environment,
    )


@contextlib.asynccontextmanager
async def _scratch(folder: Path | None) -> AsyncGenerator[Path]:
    if folder is not None:
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix="hermes-run-"))
    try:
        yield made
    finally:
        with anyio.move_on_after(REMOVAL_S, shield=True):
            await remove(made)
