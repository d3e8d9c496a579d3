"""A clock that is set back while a run goes on: everything is sound, and no time is negative."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hermes_run.cli.report import report_lines
from hermes_run.cli.status import describe, read_status
from hermes_run.limits import elapsed
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.progress.screens import Quiet
from hermes_run.progress.watch import watch
from recorder.events import timestamp
from recorder.messages import Times, ToolCall
from recorder.reader import Entry, fold_journal, read
from recorder.run_directory import FAILED, TRAJECTORIES

NOON = 1_795_348_800.0
HOUR = 3600.0
ROWS = [{"id": name, "prompt": "x", "verify": "true"} for name in "abc"]
ASKED = Reply(
    calls=(ToolCall("c", "terminal", '{"command": "echo hello"}'),),
    finish_reason="tool_calls",
    times=Times(timestamp(NOON), timestamp(NOON - HOUR), timestamp(NOON - 2 * HOUR)),
)
CLOCKS = {
    "runs backwards": itertools.count(NOON, -HOUR),
    "jumps to and fro": (NOON + (-1) ** n * n * HOUR for n in itertools.count()),
    "stands still": itertools.repeat(NOON),
}


def negative(value: Any, where: str = "") -> Iterator[str]:
    """Name every negative number in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from negative(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from negative(inner, f"{where}[{number}]")
    elif isinstance(value, int | float) and value < 0:
        yield f"{where} = {value}"


def rows_in(directory, name):
    """Read the rows of a file."""
    return [json.loads(line) for line in (directory / name).read_bytes().splitlines()]


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
async def test_no_time_is_negative(tmp_path, start_run, judge, monkeypatch, clock):
    """In rows, statistics, status and progress; sessions fold, and verify finds nothing."""
    monkeypatch.setattr(time, "time", lambda: next(clock))
    directory, model = tmp_path / "run", Scripted([ASKED, "done"] * len(ROWS))
    options = {"toolsets": ("terminal",), "concurrency": 1, "session_timeout": 9 * HOUR}
    seen = []
    async with (
        start_run(directory, ROWS, model, **options) as run,
        watch(run, 3, Quiet()) as watching,
    ):

        async def look(_):
            seen.append(msgspec.to_builtins(watching.look()))

        run.record.send_also_to(look)
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 3}
    assert judge(directory).sound
    rows, status = rows_in(directory, TRAJECTORIES), read_status(directory)
    assert len(rows) == 3
    statistics = json.loads((directory / "statistics.json").read_bytes())
    documents = [*seen, *rows, statistics, msgspec.to_builtins(status)]
    assert not [name for document in documents for name in negative(document)]
    assert describe(status)
    assert report_lines(report, 1)
    sessions = fold_journal(directory / "journal").sessions.values()
    assert all(elapsed(session) >= 0 for session in sessions)


async def test_facts_keep_their_order_whatever_time_they_have(tmp_path, start_run, monkeypatch):
    """Their numbers count, not their times."""
    clock = itertools.count(NOON, -HOUR)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    directory, model = tmp_path / "run", Scripted([ASKED, "done"])
    async with start_run(directory, ROWS[:1], model, toolsets=("terminal",)) as run:
        await run.finish()
    entries = [one for one in read(directory / "journal") if isinstance(one, Entry)]
    facts = [one.event for one in entries if one.event.session]
    assert [fact.seq for fact in facts] == list(range(len(facts)))
    assert [fact.ts for fact in facts] == sorted((fact.ts for fact in facts), reverse=True)


async def test_a_record_goes_on_before_it_was_begun(
    tmp_path, disk, written, resume, judge, monkeypatch
):
    """The machine that takes it over may have an earlier clock; between attempts is no time."""
    disk.fail("sync", 5, after=12)
    with pytest.raises(Exception, match="Input/output"):
        await written().record(tmp_path / "run", disk)
    clock = itertools.count(NOON - 1000 * HOUR, -HOUR)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    await resume(tmp_path / "run")
    assert judge(tmp_path / "run").sound
    sessions = fold_journal(tmp_path / "run" / "journal").sessions.values()
    (again,) = (session for session in sessions if session.attempt == 2)
    assert (again.idle_s, elapsed(again)) == (0.0, 0.0)
    rows = [*rows_in(tmp_path / "run", TRAJECTORIES), *rows_in(tmp_path / "run", FAILED)]
    assert len(rows) == len(sessions)
    assert not [name for row in rows for name in negative(row)]
