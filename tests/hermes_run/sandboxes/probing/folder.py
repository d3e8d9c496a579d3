"""A sandbox that runs nothing: what a fake one is made of."""

from __future__ import annotations

from pathlib import Path

from hermes_run.sandboxes.mirror import Mirror
from hermes_run.sandboxes.protocol import Command, Finished


class Folder:
    """A workspace; a command gives what :meth:`output` does."""

    root = "/workspace"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code: int | None = 0

    async def output(self, command: Command) -> bytes:
        """Do nothing."""
        return command.line[:0].encode()

    async def run(self, command: Command) -> Finished:
        """Do what is to be done here, by hand."""
        output = await self.output(command)
        return Finished(output=output, size=len(output), exit_code=self.code)

    async def read(self, path: str, limit: int) -> bytes:
        """Give a file."""
        return (self.folder / path).read_bytes()[:limit]

    async def write(self, path: str, content: bytes) -> None:
        """Write a file."""
        (self.folder / path).write_bytes(content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy nothing."""
        return mirror is None and seq < 0

    async def close(self) -> None:
        """Nothing is open."""
