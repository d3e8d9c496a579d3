"""What a tool raises ends its caller only where the caller is really meant."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from hermes_run import Scripted, run_many
from hermes_run.models.protocol import Reply, Request
from hermes_run.tools.call import execute
from hermes_run.tools.foreign import go_on_after
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output, Tool
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import ToolCall
from recorder.session import Session
from recorder.steps import Step


def asks_for(*names: str) -> Reply:
    """A reply that calls tools without arguments."""
    made = tuple(ToolCall(f"c{number}", name, "{}") for number, name in enumerate(names))
    return Reply(calls=made, finish_reason="tool_calls")


async def sessions(tmp_path: Path, model: Any, *tools: Tool, prompts: str = "a") -> list[Session]:
    """Run *prompts* to their end; a run that goes in a circle ends the test."""
    run = run_many(prompts, model=model, record=tmp_path / "run", tools=tools, concurrency=1)
    with anyio.fail_after(20):
        return [session async for session in run]


def results(session: Session) -> list[tuple[str | None, Any]]:
    """The status and the output of each call."""
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    return [(result.status, result.output) for step in steps for result in step.results]


def outcome(session: Session) -> tuple[str, str]:
    """How a session ended."""
    assert session.ended
    return session.ended.outcome, session.ended.reason


async def cancelled_inside() -> None:
    """Wait for a task of one's own that was cancelled, as libraries do."""
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task


async def cancels_itself() -> None:
    """Cancel the task that one runs in, and go on."""
    task = asyncio.current_task()
    assert task
    task.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("library", [cancelled_inside, cancels_itself])
async def test_a_tool_whose_library_cancels_something_runs_once(tmp_path: Path, library: Any):
    """The model is told, and the session goes on; an effect outside is not had again."""
    runs: list[int] = []

    @tool(effect="external", name="order")
    async def order() -> str:
        """Order a pizza."""
        runs.append(1)
        await library()
        return "never"

    (session,) = await sessions(tmp_path, Scripted([asks_for("order"), "done"]), order)
    assert results(session) == [("error", '{"error": "CancelledError"}')]
    assert (outcome(session), len(runs)) == (("completed", "answered"), 1)


@pytest.mark.parametrize("effect", ["read", "workspace"])
async def test_a_tool_that_ends_its_own_task_has_a_result_all_the_same(tmp_path: Path, effect: Any):
    """One for each call, whatever became of the task."""

    @tool(effect=effect, name="odd")
    async def odd() -> str:
        """End the task that this runs in."""
        task = asyncio.current_task()
        assert task
        task.cancel()
        return "odd"

    (session,) = await sessions(tmp_path, Scripted([asks_for("odd", "odd"), "done"]), odd)
    assert len(results(session)) == 2
    assert outcome(session) == ("completed", "answered")


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), GeneratorExit(), KeyboardInterrupt(), SystemExit(2)]
)
async def test_whatever_a_plain_function_raises_is_its_result(tmp_path: Path, error: Any):
    """The next session finds the run as it was."""

    @tool(effect="workspace", name="fail")
    def fail() -> str:
        """Fail."""
        raise error

    model = Scripted([asks_for("fail"), "done"] * 2)
    for session in await sessions(tmp_path, model, fail, prompts="ab"):
        (status, output) = results(session)[0]
        assert (status, type(error).__name__ in output) == ("error", True)
        assert outcome(session) == ("completed", "answered")


async def test_an_opening_that_is_cancelled_from_inside_is_told_to_the_call(tmp_path: Path):
    """Nothing else notices."""

    class Cancelled:
        async def __aenter__(self) -> None:
            await cancelled_inside()

        async def __aexit__(self, *_: object) -> None:
            """Never be entered."""

    @tool(effect="read", name="look")
    async def look(context: Context) -> str:
        """Look."""
        await context.keep("connection", Cancelled)
        return "never"

    model = Scripted([asks_for("look"), "done"] * 2)
    for session in await sessions(tmp_path, model, look, prompts="ab"):
        assert results(session) == [("error", '{"error": "CancelledError"}')]
        assert outcome(session) == ("completed", "answered")


async def test_a_model_that_is_cancelled_from_inside_ends_its_session_only(tmp_path: Path):
    """The run goes on with the others."""

    class Cancelled:
        def __init__(self) -> None:
            self.asked = 0

        async def reply(self, request: Request) -> Reply:
            self.asked += 1
            if self.asked == 1:
                await cancelled_inside()
            return Reply(text=request.session, finish_reason="stop")

    ended = [outcome(session) for session in await sessions(tmp_path, Cancelled(), prompts="ab")]
    assert ended == [("tool_error", "internal"), ("completed", "answered")]


async def give(function: Any, context: Context) -> Output:
    """Call the one tool *function*."""
    made = tool(function)
    return await execute(ToolCall("c", made.name, "{}"), make_toolbox([made]), context)


async def test_a_generator_that_ends_in_an_async_tool_is_a_result(context: Context):
    """It is the tool's own."""

    async def leave() -> None:
        raise GeneratorExit

    assert (await give(leave, context)).status == "error"


async def test_an_interrupt_that_no_key_can_have_made_is_a_result(context: Context):
    """Where the event loop takes the signal itself, as in the command, Python raises nothing."""

    async def interrupted() -> None:
        raise KeyboardInterrupt

    with anyio.open_signal_receiver(signal.SIGINT):
        output = await give(interrupted, context)
    assert json.loads(output.content) == {"error": "KeyboardInterrupt"}


def test_a_coroutine_that_is_being_closed_is_not_kept():
    """No task runs it any more."""
    with pytest.raises(GeneratorExit):
        go_on_after(GeneratorExit()).send(None)


async def test_no_key_reaches_another_thread():
    """Python raises what a key means in the main thread only."""
    await to_thread.run_sync(anyio.run, go_on_after, KeyboardInterrupt())


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "weird"},
        {"exit_code": "1"},
        {"exit_code": 2**70},
        {"bytes": -1},
        {"flags": "abc"},
        {"flags": ("half \ud800",)},
        {"flags": None},
    ],
    ids=str,
)
async def test_an_output_that_can_not_be_recorded_is_an_error_of_its_tool(
    tmp_path: Path, fields: dict[str, Any]
):
    """The model is told, and the session goes on."""

    @tool(effect="read", name="odd")
    async def odd() -> Output:
        """Give what nobody can keep."""
        return Output("x", **fields)

    (session,) = await sessions(tmp_path, Scripted([asks_for("odd"), "done"]), odd)
    assert [status for status, _ in results(session)] == ["error"]
    assert outcome(session) == ("completed", "answered")
