"""A tool that gives very much: cut where a command or a tool runs, whole where it is recorded."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import contextmanager

import pytest

import recorder
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.tools.schema import tool
from recorder.events import ToolReturned
from recorder.messages import ToolCall
from recorder.reader import Entry, read
from recorder.run_directory import TRAJECTORIES
from recorder.standing import stand

SIZE = 100_000_000
RECORDED = 30_000_000
LIMIT = 50_000
COPIES = 10
"""How often the text may be in memory at once: as two bytes a character, as bytes, as a line."""


@tool(effect="read")
async def flood() -> str:
    """Give very much."""
    return "\u00e9" * (SIZE // 2)


@pytest.fixture
def at_most():
    """Give a block that may have at most some bytes at once, and must give them back."""

    @contextmanager
    def measured(most):
        tracemalloc.start()
        try:
            yield
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < most, f"{peak:,} bytes at once"
        assert left < most / COPIES, f"{left:,} bytes were kept"

    return measured


def asks_for(name, **arguments):
    """Make a reply that asks for one tool."""
    call = ToolCall("c", name, json.dumps(arguments))
    return Reply(calls=(call,), finish_reason="tool_calls")


def results_in(directory):
    """Read what the tools of a run gave."""
    entries = [one for one in read(directory / "journal") if isinstance(one, Entry)]
    return [one.event for one in entries if isinstance(one.event, ToolReturned)]


async def run_one(start_run, directory, reply):
    """Run one session that asks for one tool, and answers."""
    options = {"toolsets": ("terminal",), "tool_output": LIMIT}
    model = Scripted([reply, "done"])
    async with start_run(directory, [{"prompt": "x"}], model, [flood], **options) as run:
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    (result,) = results_in(directory)
    assert len(result.output.encode()) < LIMIT + 100
    (segment,) = (directory / "journal").iterdir()
    assert segment.stat().st_size < 10 * LIMIT
    assert (directory / TRAJECTORIES).stat().st_size < 10 * LIMIT
    return result


async def test_a_command_that_writes_very_much_is_cut_and_stopped(
    tmp_path, start_run, judge, at_most
):
    """Beginning and end are kept and what is missing is said; memory has never held it all."""
    command = f"head -c {SIZE} /dev/zero | tr '\\0' x"
    with at_most(SIZE / 2):
        result = await run_one(start_run, tmp_path / "run", asks_for("terminal", command=command))
    assert result.status == "error"
    assert result.bytes
    assert LIMIT < result.bytes <= SIZE
    assert "bytes cut" in result.output
    assert judge(tmp_path / "run").sound


async def test_a_tool_that_returns_very_much_is_cut(tmp_path, start_run, judge):
    """That it is so long is recorded, not the length."""
    result = await run_one(start_run, tmp_path / "run", asks_for("flood"))
    assert (result.status, result.bytes) == ("ok", SIZE)
    assert result.output.startswith("\u00e9" * 100)
    assert judge(tmp_path / "run").sound


def much() -> str:
    """Make a very long text."""
    return ("x" * 97 + "\u2028") * (RECORDED // 100)


@pytest.mark.slow
async def test_a_very_long_result_that_is_recorded_is_recorded_whole(tmp_path, judge, at_most):
    """Whoever gave it to the recorder wanted all of it; it is read back as it was.

    The journal's buffer is smaller: it waits until it may come in alone.
    """
    assert len(much().encode()) == RECORDED
    with at_most(RECORDED * COPIES):
        async with recorder.open(tmp_path / "run") as record, record.session("x") as session:
            await session.model_replied(calls=[{"id": "c", "name": "f", "arguments": "{}"}])
            await session.tool_returned("c", much(), status="ok")
            await session.model_replied(text="done")
        del session
    with at_most(RECORDED * COPIES * 2):  # the test has one too
        assert [one.output == much() for one in results_in(tmp_path / "run")] == [True]
    with at_most(RECORDED * COPIES):
        assert stand(tmp_path / "run" / "journal").torn == ()
    with at_most(RECORDED * COPIES):
        assert judge(tmp_path / "run").sound
    (row,) = (tmp_path / "run" / TRAJECTORIES).read_bytes().splitlines()
    assert json.loads(row)["completed"]
    (segment,) = (tmp_path / "run" / "journal").iterdir()
    assert segment.stat().st_size < RECORDED * 1.01
