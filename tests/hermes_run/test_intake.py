"""Every row is counted once, whenever a run is told to stop."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hermes_run.config import SandboxName, Settings
from hermes_run.intake import Intake
from hermes_run.models.scripted import Scripted
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.run import Report, open_run
from hermes_run.tools.toolsets import load_shelf
from recorder import files
from recorder.faulty import FaultyDisk
from recorder.json_text import encode

GOOD: dict[str, Any] = {"prompt": "x"}
BAD: dict[str, Any] = {}


class Held:
    """Rows of a file that can't be read on for a while, after the first *ready* of them."""

    def __init__(self, rows: list[dict[str, Any]], ready: int) -> None:
        self.held, self.go = anyio.Event(), anyio.Event()
        self._rows, self._ready = rows, ready

    async def read(self) -> AsyncIterator[Prompt | Reject]:
        """Give the rows."""
        reading = Reading()
        for number, row in enumerate(self._rows):
            if number == self._ready:
                self.held.set()
                await self.go.wait()
            yield reading.row(number + 1, encode(row))


async def test_rows_that_were_still_to_be_read_when_the_run_was_cancelled_are_counted(
    tmp_path: Path,
):
    """What waits for a row is cancelled, and the file is read to its end all the same."""
    rows = Held([GOOD, *[BAD] * 3, GOOD, GOOD], ready=2)
    settings = Settings(model="m", toolsets=(), concurrency=2, samples=2, sandbox="none")
    source, reports = Source(Scripted(["ok"] * 2), "m", "test"), list[Report]()

    shelf = load_shelf(settings)

    async with open_run(tmp_path / "run", rows.read(), settings, source, shelf) as run:

        async def finish() -> None:
            reports.append(await run.finish())

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(finish)
                await rows.held.wait()
                run.brake.pull("signal", "SIGINT came")
                run.cancel()
                await anyio.wait_all_tasks_blocked()
                rows.go.set()
    (report,) = reports
    assert (report.counts.rows, report.counts.rejected, report.counts.sessions) == (6, 3, 6)
    assert report.not_started == 4
    assert report.balanced
    listed = (tmp_path / "run" / "rejects.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["line"] for line in listed] == [2, 3, 4]


async def test_a_row_counts_as_rejected_only_when_it_is_listed(tmp_path: Path):
    """Cancelled while the disk is full, it is listed and counted when there is room, once."""
    disk, path = FaultyDisk(), tmp_path / "rejects.jsonl"
    async with files.open_rows(path, disk, retry_s=1000) as listed:
        rows = Held([BAD, GOOD], ready=9).read()
        settings = Settings(toolsets=())
        intake = Intake(rows, settings, load_shelf(settings), listed)
        disk.room = 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, intake)
            while not listed.paused:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert (intake.counts.rows, intake.counts.rejected, intake.examples) == (1, 0, [])
        disk.mend()
        assert await intake.finish_counting() == 1
    assert (intake.counts.rows, intake.counts.rejected, intake.counts.sessions) == (2, 1, 1)
    assert len(path.read_bytes().splitlines()) == len(intake.examples) == 1


@pytest.mark.parametrize("sandbox", ["auto", "bwrap", "landlock", "none"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere auto means containers")
async def test_a_row_with_an_image_is_rejected_where_there_are_no_containers(sandbox: SandboxName):
    """No session is begun that could only fail; it says what to type."""
    settings = Settings(toolsets=(), sandbox=sandbox)
    rows = Held([GOOD | {"image": "debian"}, GOOD], ready=9).read()
    intake = Intake(rows, settings, load_shelf(settings))
    assert [job.prompt.image async for job in intake] == [None]
    assert intake.counts.rejected == 1
    assert f"not for --sandbox {sandbox}: type --sandbox docker" in intake.examples[0]


async def test_a_row_with_an_image_is_run_in_a_container():
    """Its session gets it."""
    settings = Settings(toolsets=(), sandbox="docker")
    intake = Intake(
        Held([GOOD | {"image": "debian"}], ready=9).read(), settings, load_shelf(settings)
    )
    assert [job.prompt.image async for job in intake] == ["debian"]
