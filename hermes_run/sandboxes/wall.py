"""A wall: one kind of sandbox, which was found to hold on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from hermes_run.sandboxes.protocol import Sandbox

WORKSPACE = "/workspace"
"""Where commands see their workspace behind a wall that has a file system of its own."""


class Site(msgspec.Struct, frozen=True):
    """Where on this machine a session works.

    ``folder`` is its workspace, ``scratch`` a folder for everything else that its sandbox must keep
    on disk while it is open; both are there, empty or as the session's past left them. ``marks``
    are added to the environment of its commands, ``image`` is what its row asks for.
    """

    folder: Path
    scratch: Path
    marks: Mapping[str, str] = {}
    image: str | None = None


class Allowance(msgspec.Struct, frozen=True):
    """What the sandbox of one session may take: bytes, processes, and whether it has a network."""

    memory: int = 4 * 2**30
    disk: int = 4 * 2**30
    processes: int = 512
    network: bool = False


class Wall(Protocol):
    """Opens sandboxes of one kind; ``name`` is what ``--sandbox`` calls it."""

    name: str

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's sandbox; nothing of it is left on this machine when it is closed.

        The workspace stays: whoever prepared it removes it.

        Raises:
            SandboxError: it can't be opened.
            UsageError: the row asks for what this wall has not.
        """
        ...
