"""Sinks beside the journal of a whole run: slow ones, blocked ones and those that raise."""

from __future__ import annotations

import json

import anyio
import anyio.lowlevel
import pytest

from hermes_run.models.protocol import Reply
from hermes_run.runlog import RUN_LOG
from hermes_run.tools.schema import tool
from recorder.events import SessionEnded
from recorder.messages import ToolCall
from recorder.opening import open_record
from recorder.reader import fold_journal
from recorder.run_directory import FAILED, TRAJECTORIES
from recorder.sinks import lossy
from recorder.steps import Step

ASKED = Reply(calls=(ToolCall("c", "look", "{}"),), finish_reason="tool_calls")
ROWS = [{"id": name, "prompt": "x"} for name in "ab"]
FACTS = 6
"""Events of a session that asks for one tool and answers."""


@tool(effect="read")
async def look() -> str:
    """Look."""
    return "seen"


class Turns:
    """A model that asks for a tool first, and answers then."""

    async def reply(self, request):
        """Reply to the last message."""
        await anyio.lowlevel.checkpoint()
        return ASKED if len(request.messages) == 1 else Reply(text="done", finish_reason="stop")


class Sink:
    """Keeps what it gets; waits before it does from number *at* on, until ``told``."""

    def __init__(self, at: int, *, session: str = "") -> None:
        self.events = []
        self.waits = anyio.Event()
        self.told = anyio.Event()
        self._at = at
        self._session = session

    async def __call__(self, event):
        """Keep *event*."""
        if len(self.events) >= self._at and event.session.startswith(self._session):
            self.waits.set()
            await self.told.wait()
        self.events.append(event)


class Raising:
    """Raises at event number *at*, once; ``count`` is how many it got."""

    def __init__(self, at: int) -> None:
        self.count = 0
        self._at = at

    async def __call__(self, event):
        """Raise, if it is time."""
        self.count += 1
        if self.count == self._at + 1:
            raise ZeroDivisionError(f"at {type(event).__name__}")


def facts_in(directory):
    """Count what was recorded of sessions."""
    return sum(session.seq for session in fold_journal(directory / "journal").sessions.values())


async def test_a_blocked_view_holds_up_nothing(tmp_path, start_run, judge):
    """It gets the newest when it looks again; what it lost is counted, the record has it all."""
    sink, count, kept = Sink(at=1), 40, 5
    rows, directory = [{"prompt": "x"}] * count, tmp_path / "run"
    async with (
        start_run(directory, rows, Turns(), [look], concurrency=8) as run,
        lossy(sink, capacity=kept) as view,
    ):
        run.record.send_also_to(view)
        report = await run.finish()  # nobody has told the sink to go on
        assert sink.waits.is_set()
        assert len(sink.events) == 1
        assert view.dropped == count * FACTS - 1 - 1 - kept
        sink.told.set()
    assert report.statistics.outcomes == {"completed": count}
    assert len(sink.events) == 1 + 1 + kept
    assert isinstance(sink.events[-1], SessionEnded)
    assert facts_in(directory) == count * FACTS
    assert judge(directory).sound


async def test_a_view_that_is_never_told_is_given_up(tmp_path, start_run, judge):
    """The run has ended, and so does the block."""
    sink, directory = Sink(at=0), tmp_path / "run"
    async with (
        start_run(directory, ROWS, Turns(), [look]) as run,
        lossy(sink, drain_s=0) as view,
    ):
        run.record.send_also_to(view)
        await run.finish()
    assert sink.events == []
    assert view.dropped == len(ROWS) * FACTS - 1
    assert judge(directory).sound


async def test_a_slow_sink_slows_nobody_but_whose_facts_it_takes(tmp_path, start_run, judge):
    """One session waits for it, the other one goes on to its end."""
    sink, directory = Sink(at=0, session="a"), tmp_path / "run"
    send, receive = anyio.create_memory_object_stream(len(ROWS))
    async with (
        send,
        receive,
        start_run(directory, ROWS, Turns(), [look], concurrency=2) as run,
        anyio.create_task_group() as tasks,
    ):
        run.record.send_also_to(sink)
        tasks.start_soon(run.finish, send)
        first = await receive.receive()
        assert first.id == "b-0"
        sink.told.set()
        last = await receive.receive()
        assert last.id == "a-0"
    assert len((directory / TRAJECTORIES).read_bytes().splitlines()) == len(ROWS)
    assert judge(directory).sound


@pytest.mark.parametrize("at", range(2 * FACTS))
async def test_a_sink_that_raises_at_any_fact_ends_that_session_only(
    tmp_path, start_run, judge, at
):
    """Its error comes out where the fact was recorded, and is in the log; the run goes on."""
    sink, directory = Raising(at), tmp_path / "run"
    async with start_run(directory, ROWS, Turns(), [look], concurrency=1) as run:
        run.record.send_also_to(sink)
        report = await run.finish()
    assert sink.count > at
    assert report.balanced
    assert judge(directory).sound
    is_over = at % FACTS == FACTS - 1
    assert report.statistics.outcomes.get("tool_error", 0) == (not is_over)
    assert rows_in(directory) == sum(report.statistics.outcomes.values()) == len(ROWS)
    (line,) = logged(directory)
    assert line["session"] == ("a-0" if at < FACTS else "b-0")
    assert "ZeroDivisionError: at " in line["exception"]


class Hostile:
    """Raises at each event that there is."""

    async def __call__(self, event):
        """Raise."""
        raise ZeroDivisionError(type(event).__name__)


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_a_sink_that_always_raises_ends_no_run(tmp_path, start_run, judge, concurrency):
    """Every session has its end and its row, and says what broke it first."""
    directory = tmp_path / "run"
    async with start_run(directory, ROWS, Turns(), [look], concurrency=concurrency) as run:
        run.record.send_also_to(Hostile())
        report = await run.finish()
    assert report.statistics.outcomes == {"tool_error": len(ROWS)}
    assert report.balanced
    assert judge(directory).sound
    ends = [one.ended for one in fold_journal(directory / "journal").sessions.values()]
    assert {end.error for end in ends if end} == {"ZeroDivisionError: SessionStarted"}
    assert len(logged(directory)) == 2 * len(ROWS)


class Endless:
    """A model that says that it was asked, and never replies."""

    def __init__(self):
        self.asked = anyio.Event()

    async def reply(self, request):
        """Wait for ever."""
        assert request.messages
        self.asked.set()
        await anyio.sleep_forever()


@pytest.mark.parametrize(("limit", "outcome"), [(None, "interrupted"), (0.0, "limit")])
async def test_a_sink_that_raises_as_a_session_is_cut_short_changes_nothing(
    tmp_path, start_run, judge, limit, outcome
):
    """Whether the run was cancelled or the session's time is over."""
    directory, model = tmp_path / "run", Endless()
    reports = []
    async with (
        start_run(directory, ROWS[:1], model, session_timeout=limit) as run,
        anyio.create_task_group() as tasks,
    ):
        run.record.send_also_to(Raising(1))  # the first fact after the start is the end

        async def finish():
            reports.append(await run.finish())

        tasks.start_soon(finish)
        if limit is None:
            await model.asked.wait()
            run.cancel()
    (report,) = reports
    assert report.statistics.outcomes == {outcome: 1}
    assert judge(directory).sound
    assert rows_in(directory) == len(logged(directory)) == 1


def rows_in(directory):
    """Count the rows of a run."""
    return sum((directory / name).read_bytes().count(b"\n") for name in (TRAJECTORIES, FAILED))


def logged(directory):
    """Read the log of a run."""
    return [json.loads(line) for line in (directory / RUN_LOG).read_text().splitlines()]


async def test_a_raising_sink_is_heard_where_the_fact_was_recorded(tmp_path, judge):
    """In somebody else's agent, by the very call; the fact is recorded, and so is the session."""
    async with open_record(tmp_path / "run") as record:
        record.send_also_to(Raising(1))
        async with record.session("x", id="a") as session:
            with pytest.raises(ZeroDivisionError, match="at ModelReplied"):
                await session.model_replied(text="hm")
            assert session.session.replies == 1
            await session.model_replied(text="done")
    (folded,) = fold_journal(tmp_path / "run" / "journal").sessions.values()
    texts = [turn.reply.text for turn in folded.turns if isinstance(turn, Step)]
    assert texts == ["hm", "done"]
    assert judge(tmp_path / "run").sound
