"""The loop of one session: what it waits for, and what it records of calls that are cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.agent import Agent
from hermes_run.brake import Brake
from hermes_run.failure import Failure
from hermes_run.loop import drive
from hermes_run.models.scripted import Scripted
from hermes_run.models.wire import Transcript
from hermes_run.sandboxes.plain import open_plain
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context
from hermes_run.tools.toolsets import load_toolbox
from recorder.events import Event, ModelFailed, SessionStarted, ToolReturned
from recorder.messages import Message
from recorder.recording import Recording
from recorder.session import Session

OpenRun = Callable[..., Any]
AsksFor = Callable[..., Any]


class Full:
    """A ledger without room until ``room`` is set, though it still takes what is offered."""

    def __init__(self) -> None:
        self.room = anyio.Event()

    async def accept(self, event: Event) -> None:
        """Take *event*."""

    async def settle(self, event: Event) -> None:
        """Tell nobody."""

    async def durable(self) -> None:
        """Be durable."""

    async def kept(self) -> None:
        """Be durable."""

    async def writable(self) -> None:
        """Wait for room."""
        await self.room.wait()


@tool(effect="workspace")
async def quick() -> str:
    """Return at once."""
    return "quick"


@tool(effect="workspace")
async def endless() -> str:
    """Never return."""
    await anyio.sleep_forever()
    return ""


def returned(events: list[Event]) -> list[tuple[str, str]]:
    """The results among *events*."""
    return [(one.call_id or "", one.output) for one in events if isinstance(one, ToolReturned)]


async def test_nothing_is_asked_while_it_could_not_be_recorded(tmp_path: Path):
    """A reply that is paid for and can't be kept is the worst that can happen."""
    ledger, model = Full(), Scripted(["done"])
    recording = Recording(Session("s"), ledger)
    await recording.record(SessionStarted, messages=[Message("user", "Hi")])
    async with open_plain(tmp_path, {}) as sandbox:
        agent = Agent(
            model=model,
            model_name="m",
            toolbox=load_toolbox((), ()),
            tools=b"",
            context=Context("s", sandbox),
            transcript=Transcript("", ()),
            brake=Brake(),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drive, recording, agent)
            await anyio.wait_all_tasks_blocked()
            assert model.requests == []
            ledger.room.set()
    assert len(model.requests) == 1
    assert recording.session.ended
    assert recording.session.ended.outcome == "completed"


async def test_a_session_whose_time_is_over_keeps_what_its_calls_gave(
    start_run: OpenRun, asks_for: AsksFor
):
    """It is not gone on with, so nothing will run again."""
    events: list[Event] = []

    async def keep(event: Event) -> None:
        events.append(event)

    asked = asks_for(("quick", "{}"), ("endless", "{}"))
    opening = start_run([{"prompt": "x"}], [asked], [quick, endless], session_timeout=0.5)
    async with opening as run:
        run.record.send_also_to(keep)
        report = await run.finish()
    assert report.statistics.outcomes == {"limit": 1}
    assert returned(events) == [("call_0", "quick")]
    assert report.statistics.tools["quick"].success == 1


@pytest.mark.parametrize(("mode", "kept"), [("snapshot", []), ("keep", [("call_0", "quick")])])
async def test_a_run_that_is_stopped_keeps_of_a_cut_turn_what_can_not_be_run_again(
    start_run: OpenRun, asks_for: AsksFor, mode: str, kept: list[tuple[str, str]]
):
    """With a copy of the workspace all of its calls run again, without one none that returned."""
    events: list[Event] = []
    ran, recorded = anyio.Event(), anyio.Event()

    async def keep(event: Event) -> None:
        events.append(event)
        if isinstance(event, ToolReturned):
            recorded.set()

    @tool(effect="workspace", name="quick")
    async def noticed() -> str:
        """Return at once."""
        ran.set()
        return "quick"

    asked = asks_for(("quick", "{}"), ("endless", "{}"))
    rows = [{"prompt": "x"}]
    async with start_run(rows, [asked], [noticed, endless], workspace_on_crash=mode) as run:
        run.record.send_also_to(keep)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.finish)
            with anyio.fail_after(20):
                await (recorded if kept else ran).wait()
            await anyio.wait_all_tasks_blocked()
            run.plan.brake.pull("signal", "interrupted")
            tasks.cancel_scope.cancel()
    assert returned(events) == kept


async def test_looking_whether_the_endpoint_is_up_again_ends_no_session(start_run: OpenRun):
    """Two attempts failed before it was known to be down; of what looked none counts."""
    failed: list[int] = []

    async def keep(event: Event) -> None:
        if isinstance(event, ModelFailed):
            failed.append(event.attempt)

    down = Failure(kind="server", error="HTTP 503")
    looks = Failure(kind="server", error="HTTP 503", probe=True)
    script = [looks, down, down, *[looks] * 5, "up again"]
    async with start_run([{"prompt": "x"}], script, attempts=3, retry_base=0.001) as run:
        run.record.send_also_to(keep)
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    assert failed == [0, 1, 2, 2, 2, 2, 2, 2]


async def test_a_session_whose_time_is_over_between_two_attempts_is_to_go_on(start_run: OpenRun):
    """The endpoint failed, and asked for longer than the session had: that is no limit."""
    busy = Failure(kind="server", error="HTTP 503", retry_after_s=600.0)
    async with start_run([{"prompt": "x"}], [busy], session_timeout=0.5) as run:
        report = await run.finish()
    assert report.statistics.outcomes == {"interrupted": 1}
    assert report.failed == 1
