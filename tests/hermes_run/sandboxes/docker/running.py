"""Run a command in a test, with a bound on everything."""

from __future__ import annotations

import os
from pathlib import Path

import anyio

from hermes_run.sandboxes.protocol import Command, Finished, Sandbox

LONG = "sleep 600"


async def run(sandbox: Sandbox, line: str, **bounds: object) -> Finished:
    """Run *line*; what has a limit of thirty seconds is not expected to reach it."""
    command = Command(line, **{"timeout_s": 30.0, "limit": 10_000, **bounds})
    with anyio.fail_after(240):
        return await sandbox.run(command)


async def read_fifo(path: Path) -> str:
    """Wait for what a command writes into a FIFO that is there already."""
    with anyio.fail_after(240):
        return await anyio.to_thread.run_sync(path.read_text, abandon_on_cancel=True)


def make_fifo(path: Path) -> Path:
    """Make a FIFO that whoever runs commands can write to."""
    os.mkfifo(path)
    path.chmod(0o666)
    return path
