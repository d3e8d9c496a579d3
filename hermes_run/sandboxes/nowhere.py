"""No sandbox: for sessions in which nobody can ask for one, so that none is opened."""

from __future__ import annotations

from typing import NoReturn

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.mirror import Mirror
from hermes_run.sandboxes.protocol import Command, Finished

_WHY = (
    "the session has no sandbox, because none of its tools takes a Context: give the function a "
    "parameter that is annotated so"
)


class Nowhere:
    """Stands where a sandbox would; whoever gets at it all the same is told why there is none."""

    root = ""

    async def run(self, command: Command) -> Finished:
        """Refuse the command."""
        _refuse(command.line)

    async def read(self, path: str, limit: int) -> bytes:
        """Refuse to read, whatever the *limit*."""
        _refuse(path, limit)

    async def write(self, path: str, content: bytes) -> None:
        """Refuse to write."""
        _refuse(path, content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """There is nothing to copy."""
        del mirror, seq
        return False

    async def close(self) -> None:
        """There is nothing to close."""


def _refuse(*asked: object) -> NoReturn:
    """Refuse what is *asked*.

    Raises:
        SandboxError: always.
    """
    raise SandboxError(f"{asked[0]!r:.80}: {_WHY}")
