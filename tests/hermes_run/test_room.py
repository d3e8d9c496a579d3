"""What a sandbox needs on the disk: the session waits for room; any other fault ends it."""

from __future__ import annotations

import errno
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

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
        async with start_run([{"prompt": "x", "workspace": {}}], ["done"]) as run:
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


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_a_wall_is_tested_where_the_run_is(start_run, tmp_path):
    """Where a run that goes on was once begun, nobody may be able to write any more."""
    options = {"sandbox": "auto", "out": Path("/proc/runs")}
    async with start_run([{"prompt": "x"}], ["done"], **options) as run:
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
