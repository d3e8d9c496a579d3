"""What it costs to look at a run does not depend on how many of its sessions are over."""

from __future__ import annotations

import io
from pathlib import Path

import anyio

from hermes_run.progress.screens import Quiet
from hermes_run.progress.watch import Watch
from tests.guards import running
from tests.guards.counting import Work, count


def test_a_look_costs_the_same_early_and_late_in_a_run(tmp_path: Path):
    """Of what is over, answered or failed, there are only sums."""
    looks: list[Work] = []

    async def look(sessions: int) -> None:
        model, directory = running.Looking(2), tmp_path / str(sessions)
        async with running.opened(directory, model, sessions, concurrency=1) as run:
            await run.finish()
            watching = Watch(run, sessions, Quiet(io.StringIO()))
            assert watching.look().ended == sessions
            looks.append(count(watching.look))

    for sessions in (10, 100):
        anyio.run(look, sessions)
    few, many = looks
    assert many.lines == few.lines
