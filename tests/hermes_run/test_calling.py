"""The calls of one reply run in its order, and what came of each is its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run import Scripted, run_many
from hermes_run.calling import in_order
from hermes_run.errors import SandboxError
from hermes_run.models.protocol import Reply
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import make_toolbox
from recorder.events import Event, ToolReturned, ToolStarted
from recorder.messages import Effect, ToolCall
from recorder.session import Session
from recorder.steps import Step, pair

OpenRun = Callable[..., Any]
AsksFor = Callable[..., Any]


def results(session: Session) -> list[str]:
    """What each call of the last reply but the answer gave, in the order of the calls."""
    step = session.turns[-2]
    assert isinstance(step, Step)
    return [result.output if result else "" for _, result in pair(step).pairs]


def says(name: str, effect: Effect) -> Tool:
    """Make a tool of *effect* that says its name."""

    @tool(effect=effect, name=name)
    async def run() -> str:
        """Say the name."""
        return name

    return run


TOOLS = [says("reads", "read"), says("changes", "workspace"), says("sends", "external")]


async def order(
    start_run: OpenRun, asks_for: AsksFor, names: list[str], **options: Any
) -> list[str]:
    """Run one reply that asks for *names*; gives what was recorded, as `+0` and `-0`."""
    said: list[str] = []

    async def keep(event: Event) -> None:
        if isinstance(event, ToolStarted | ToolReturned):
            mark = "+" if isinstance(event, ToolStarted) else "-"
            said.append(mark + (event.call_id or "").removeprefix("call_"))

    script = [asks_for(*[(name, "{}") for name in names]), "done"]
    async with start_run([{"prompt": "x"}], script, TOOLS, **options) as run:
        run.record.send_also_to(keep)
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    return said


@pytest.mark.parametrize("mode", ["snapshot", "keep"])
async def test_each_call_of_a_reply_finds_what_those_before_it_did(tmp_path: Path, mode: Any):
    """A model that writes, runs and reads in one reply counts on the order."""
    asked = [
        ("write_file", {"path": "a.sh", "content": "mkdir d; echo made > d/f"}),
        ("terminal", {"command": "sh a.sh"}),
        ("read_file", {"path": "d/f"}),
        ("terminal", {"command": "rm -r d"}),
        ("read_file", {"path": "d/f"}),
    ]
    calls = [ToolCall(str(n), name, json.dumps(given)) for n, (name, given) in enumerate(asked)]
    options = {"toolsets": ("default",), "sandbox": "none", "workspace_on_crash": mode}
    model = Scripted([Reply(calls=tuple(calls)), "done"])
    run = run_many(["x"], model=model, record=tmp_path / "run", **options)
    (session,) = [session async for session in run]
    _, _, read, _, gone = results(session)
    assert "made" in read
    assert "No such file" in gone


def test_only_neighbours_that_leave_the_workspace_alone_run_at_once():
    """One that may change it is a group of its own; a name that is no tool changes nothing."""
    names = ["reads", "sends", "nobody", "changes", "changes", "reads"]
    groups = in_order([ToolCall("", name) for name in names], make_toolbox(TOOLS))
    assert [[call.name for call in group] for group in groups] == [
        ["reads", "sends", "nobody"],
        ["changes"],
        ["changes"],
        ["reads"],
    ]


async def test_calls_that_only_look_run_at_once(tmp_path: Path):
    """Each of them waits for the other."""
    there = [anyio.Event(), anyio.Event()]

    @tool(effect="read")
    async def meet(me: int) -> str:
        """Wait for the other."""
        there[me].set()
        await there[1 - me].wait()
        return f"met {me}"

    calls = tuple(ToolCall(str(me), "meet", json.dumps({"me": me})) for me in range(2))
    run = run_many(
        ["x"],
        model=Scripted([Reply(calls=calls), "done"]),
        record=tmp_path / "run",
        tools=[meet],
        tool_timeout=10,
    )
    assert [results(session) async for session in run] == [["met 0", "met 1"]]


@pytest.mark.parametrize(
    ("mode", "names", "recorded"),
    [
        ("keep", ["changes", "changes"], ["+0", "-0", "+1", "-1"]),
        ("snapshot", ["changes", "reads", "changes"], ["+0", "+1", "-1", "+2", "-0", "-2"]),
        ("snapshot", ["changes", "sends", "changes"], ["+0", "-0", "+1", "-1", "+2", "-2"]),
    ],
)
async def test_a_call_is_recorded_as_started_when_its_turn_comes(
    start_run: OpenRun, asks_for: AsksFor, mode: str, names: list[str], recorded: list[str]
):
    """With a copy of the workspace what changed it is recorded together, up to an effect outside.

    Calls that were waiting when the run is cut are no calls of which nobody knows what they did.
    """
    assert await order(start_run, asks_for, names, workspace_on_crash=mode) == recorded


async def test_neighbours_start_together(start_run: OpenRun, asks_for: AsksFor):
    """The next group starts when all of them have returned."""
    said = await order(start_run, asks_for, ["reads", "sends", "changes"])
    assert said[:2] == ["+0", "+1"]
    assert sorted(said[2:4]) == ["-0", "-1"]
    assert said[4:] == ["+2", "-2"]


async def test_what_comes_after_a_broken_sandbox_is_not_run(start_run: OpenRun, asks_for: AsksFor):
    """The session is over, and each call would only wait for what is gone."""
    ran: list[str] = []

    @tool(effect="workspace", name="changes")
    async def breaks() -> str:
        """Find that the sandbox is gone."""
        ran.append("changes")
        raise SandboxError("gone")

    script = [asks_for(("changes", "{}"), ("changes", "{}"), ("reads", "{}")), "never"]
    async with start_run([{"prompt": "x"}], script, [breaks]) as run:
        report = await run.finish()
    assert report.statistics.outcomes == {"tool_error": 1}
    assert ran == ["changes"]


async def test_a_call_whose_task_is_ended_from_outside_has_a_result(
    start_run: OpenRun, asks_for: AsksFor
):
    """A tool may cancel whatever runs on its loop, here one that waits to be recorded."""
    others: list[asyncio.Task[Any]] = []
    results, go_on = list[str](), anyio.Event()

    async def keep(event: Event) -> None:
        if isinstance(event, ToolReturned):
            results.append(event.output)
            await go_on.wait()

    @tool(effect="external")
    async def quick() -> str:
        """Return at once."""
        task = asyncio.current_task()
        assert task
        others.append(task)
        return "quick"

    @tool(effect="read")
    async def cancel() -> str:
        """Cancel what waits for its turn."""
        await anyio.wait_all_tasks_blocked()
        others[1].cancel()
        go_on.set()
        return "cancel"

    script = [asks_for(("quick", "{}"), ("quick", "{}"), ("cancel", "{}")), "done"]
    async with start_run([{"prompt": "x"}], script, [quick, cancel]) as run:
        run.record.send_also_to(keep)
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    assert (len(others), results[:2]) == (2, ["quick", "cancel"])
    assert "without a result" in results[2]


async def test_calls_with_one_id_or_none_have_results_of_their_own(tmp_path: Path):
    """Any model may give such ids; equal calls are two calls."""

    @tool(effect="workspace")
    async def repeat(word: str) -> str:
        """Say it again."""
        return word

    @tool(effect="read")
    async def look(word: str) -> str:
        """Look."""
        return word

    asked = [
        ("same", "repeat", "a"),
        ("same", "look", "b"),
        ("", "look", "c"),
        ("same", "repeat", "a"),
        ("", "repeat", "d"),
    ]
    calls = tuple(ToolCall(i, name, json.dumps({"word": word})) for i, name, word in asked)
    model = Scripted([Reply(calls=calls), "done"])
    run = run_many(["x"], model=model, record=tmp_path / "run", tools=[repeat, look])
    (session,) = [session async for session in run]
    step = session.turns[-2]
    assert isinstance(step, Step)
    assert len({call.id for call in step.reply.calls}) == len(calls)
    assert step.reply.calls[0].id == "same"
    assert results(session) == ["a", "b", "c", "a", "d"]
