"""The sandbox called ``none``: a workspace folder, and no wall around it.

File tools stay beneath the folder, commands get a clean environment, bounds and an end; but a
command may do whatever the user who started the run may do, and a process that makes itself a
session of its own (``setsid``) outlives its call, and the sandbox, too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path

from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import CONTROL, TEMPORARY, Machine, open_machine
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.workspaces import remove_tree

UNBOUNDED = Allowance(memory=2**60, disk=2**60, network=True)
"""Without a wall a command may take what its user may."""


@contextlib.asynccontextmanager
async def open_plain(
    folder: Path, marks: Mapping[str, str] | None = None, scratch: Path | None = None
) -> AsyncGenerator[Machine]:
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
    with _scratch(scratch) as beside:
        site = _site(folder, beside, marks or {})
        async with open_machine(_launch(site), site, UNBOUNDED) as machine:
            yield machine


def _site(folder: Path, scratch: Path, marks: Mapping[str, str]) -> Site:
    """Free the paths of links: they are compared with what commands print."""
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


@contextlib.contextmanager
def _scratch(folder: Path | None) -> Generator[Path]:
    if folder is not None:
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix="hermes-run-"))
    try:
        yield made
    finally:
        remove_tree(made)
