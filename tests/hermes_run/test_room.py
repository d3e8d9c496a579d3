"""A disk without room for a sandbox: the session waits for it; any other fault ends the session."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest

from hermes_run import workspace
from hermes_run.errors import SandboxError
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.wall import Site
from hermes_run.sandboxes.without import Without


class Failing:
    """A wall that can't be opened at first, for a reason that the system gives."""

    name = "none"

    def __init__(self, reason: int, times: int) -> None:
        self.left = times
        self._reason = reason

    @asynccontextmanager
    async def open(self, site: Site) -> AsyncGenerator[Sandbox]:
        """Open a folder, or fail."""
        if self.left:
            self.left -= 1
            raise SandboxError("it can't be opened") from OSError(self._reason, "no")
        async with Without().open(site) as sandbox:
            yield sandbox


@pytest.fixture
def outcomes(start_run, monkeypatch):
    """Run one session behind a wall, and tell how it ended."""
    monkeypatch.setattr(workspace, "ROOM_S", 0)

    async def run_behind(wall: Failing) -> dict[str, int]:
        async with start_run([{"prompt": "x"}], ["done"]) as run:
            run.plan = msgspec.structs.replace(run.plan, wall=wall)
            report = await run.finish()
            return dict(report.statistics.outcomes)

    return run_behind


async def test_a_session_waits_for_room_on_the_disk(outcomes):
    """It is tried again until there is some."""
    wall = Failing(errno.ENOSPC, times=3)
    assert await outcomes(wall) == {"completed": 1}
    assert wall.left == 0


async def test_a_session_does_not_wait_for_anything_else(outcomes):
    """Nobody can tell whether it will ever be better."""
    wall = Failing(errno.EACCES, times=2)
    assert await outcomes(wall) == {"tool_error": 1}
    assert wall.left == 1
