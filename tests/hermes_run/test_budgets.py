"""Budgets of runs and sessions: what is over stops, what is left is parked, and the sum holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_run.config import Settings
from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.many import run_many
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.report import Report
from hermes_run.run import Run, open_run
from hermes_run.tools.schema import tool
from hermes_run.tools.toolsets import load_shelf
from recorder.events import ModelFailed, ModelReplied, ToolReturned
from recorder.messages import Times, ToolCall, Usage
from recorder.reader import Entry, fold_journal, read

OpenRun = Callable[..., Any]
AsksFor = Callable[..., Reply]
SPENT = Usage(input=100_000, output=100_000)
PRICES = '["scripted"]\ninput = 1\noutput = 4\n'


@tool(effect="read")
async def echo(text: str) -> str:
    """Give the text back."""
    return text


async def finished(opening: Any) -> tuple[Report, Run]:
    """Run everything and give the report."""
    async with opening as run:
        return await run.finish(), run


def rows_of(directory: Path, name: str = "trajectories.jsonl") -> list[dict[str, Any]]:
    """The rows that a run wrote."""
    return [json.loads(line) for line in (directory / name).read_bytes().splitlines()]


def facts(directory: Path, kind: type) -> list[Any]:
    """The facts of a kind that a run recorded."""
    entries = read(directory / "journal")
    return [one.event for one in entries if isinstance(one, Entry) and isinstance(one.event, kind)]


def answer(usage: Usage | None = None, **fields: Any) -> Reply:
    """A reply that ends its session."""
    return Reply(text="ok", finish_reason="stop", usage=usage, **fields)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A file with the price of the model."""
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


async def test_what_a_reply_costs_is_in_its_row_the_statistics_and_the_record(
    start_run: OpenRun, prices: Path, tmp_path: Path
):
    """A lost reply whose tokens are known was paid for as well."""
    lost = Failure(kind="stream_cut", error="cut", usage=Usage(input=100_000))
    script = [lost, answer(SPENT)]
    report, _ = await finished(start_run([{"prompt": "x"}], script, prices=prices, retry_base=0.01))
    assert [one.usage.cost_usd for one in facts(tmp_path / "run", ModelFailed)] == [0.1]
    assert [one.usage.cost_usd for one in facts(tmp_path / "run", ModelReplied)] == [0.5]
    assert report.statistics.usage.cost_usd == pytest.approx(0.6)
    assert report.statistics.unpriced == 0
    (row,) = rows_of(tmp_path / "run")
    assert row["cost_usd"] == pytest.approx(0.6)
    written = json.loads((tmp_path / "run" / "statistics.json").read_bytes())
    assert written["usage"]["cost_usd"] == pytest.approx(0.6)


async def test_the_model_that_answered_has_a_price_of_its_own(start_run: OpenRun, tmp_path: Path):
    """What neither it nor the one that was asked for has is unknown."""
    path = tmp_path / "prices.json"
    path.write_text('{"answers": {"input": 10, "output": 0}, "other": {"input": 1, "output": 0}}')
    script = [answer(SPENT, model="answers"), answer(SPENT, model="other"), answer(SPENT)]
    rows = [{"prompt": str(n)} for n in range(3)]
    report, _ = await finished(start_run(rows, script, prices=path, concurrency=1))
    costs = [one.usage and one.usage.cost_usd for one in facts(tmp_path / "run", ModelReplied)]
    assert costs == [1.0, 0.1, None]
    assert report.statistics.unpriced == 1


async def test_a_cost_that_nobody_knows_uses_up_no_budget(start_run: OpenRun, tmp_path: Path):
    """It is not guessed, and the statistics count it."""
    rows = [{"prompt": str(n)} for n in range(3)]
    bounds = {"max_cost_usd": 0.000001, "max_session_cost_usd": 0.000001}
    report, _ = await finished(start_run(rows, [answer(SPENT)] * 3, **bounds))
    assert report.statistics.outcomes == {"completed": 3}
    assert (report.cause, report.statistics.unpriced) == (None, 3)
    assert [row["cost_usd"] for row in rows_of(tmp_path / "run")] == [None] * 3


async def test_a_session_ends_when_it_has_cost_what_it_may(
    start_run: OpenRun, asks_for: AsksFor, prices: Path
):
    """The reply that reaches the bound is kept, and its calls run."""

    class Endless:
        async def reply(self, _: Request) -> Reply:
            """Ask for one more call."""
            asked = asks_for(("echo", '{"text": "x"}'))
            return Reply(calls=asked.calls, finish_reason="tool_calls", usage=SPENT)

    opening = start_run(
        [{"prompt": "x"}], Endless(), [echo], prices=prices, max_session_cost_usd=1.2
    )
    report, _ = await finished(opening)
    assert report.statistics.outcomes == {"limit": 1}
    assert report.statistics.replies == 3
    assert report.statistics.tools["echo"].success == 3


async def test_a_session_ends_when_it_has_worked_as_long_as_it_may(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """What its model took counts, and what it waited for does not."""

    class Slow:
        async def reply(self, _: Request) -> Reply:
            """Take ten seconds by its own clock."""
            times = Times("2026-11-22T17:00:00.000Z", None, "2026-11-22T17:00:10.000Z")
            calls = asks_for(("echo", '{"text": "x"}')).calls
            return Reply(calls=calls, finish_reason="tool_calls", times=times)

    report, _ = await finished(start_run([{"prompt": "x"}], Slow(), [echo], working_time=25.0))
    assert report.statistics.outcomes == {"limit": 1}
    assert report.statistics.replies == 3
    (row,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert row["exit_reason"] == "working_time"


async def test_lost_replies_count_towards_the_budget_of_the_run(start_run: OpenRun, prices: Path):
    """An endpoint that cuts every stream would spend without end."""
    lost = Failure(kind="stream_cut", error="cut", usage=SPENT)
    options = {"prices": prices, "max_cost_usd": 1.2, "attempts": 99, "retry_base": 0.001}
    report, _ = await finished(start_run([{"prompt": "x"}], [lost] * 9, **options))
    assert report.cause == "budget"
    assert report.statistics.failures == {"stream_cut": 3}
    assert report.statistics.outcomes == {"interrupted": 1}


async def test_a_session_that_is_put_off_for_long_makes_room_for_others(
    start_run: OpenRun, tmp_path: Path
):
    """It is parked, not failed; the pause that was asked for is in the record."""
    put_off = Failure(kind="rate_limit", error="HTTP 429: later", retry_after_s=7200.0)
    rows = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y"}]
    with anyio.fail_after(20):
        report, _ = await finished(start_run(rows, [put_off, answer()], concurrency=1))
    assert report.statistics.outcomes == {"completed": 1, "interrupted": 1}
    assert report.cause is None
    (row,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert (row["id"], row["exit_reason"]) == ("a-0", "parked")
    assert row["error"] == "the endpoint asked to be left alone for 7200 s: HTTP 429: later"
    (fact,) = facts(tmp_path / "run", ModelFailed)
    assert (fact.wait_s, fact.parked_s) == (None, 7200.0)


async def test_a_reply_is_not_tried_for_longer_than_it_may(start_run: OpenRun, tmp_path: Path):
    """The last attempt begins when the time is nearly over, and every one is in the record."""

    class Down:
        async def reply(self, _: Request) -> Reply:
            """Fail."""
            raise EndpointError(Failure(kind="server", error="HTTP 500"))

    options = {"attempts": 10**6, "retry_base": 0.05, "retry_cap": 0.05, "retry_time": 0.2}
    with anyio.fail_after(20):
        report, _ = await finished(start_run([{"prompt": "x"}], Down(), **options))
    assert report.statistics.outcomes == {"model_error": 1}
    failed = facts(tmp_path / "run", ModelFailed)
    assert [one.attempt for one in failed] == list(range(1, len(failed) + 1))
    assert sum(one.wait_s or 0.0 for one in failed) <= 0.21
    assert failed[-1].wait_s is None


@pytest.mark.parametrize("text", ['{"text": "x', "[1]", "x"])
async def test_arguments_that_can_not_be_read_are_never_run(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path, text: str
):
    """The model is told, three times at most; what it wrote stays as it was."""
    ran: list[str] = []

    @tool(effect="external", name="echo")
    async def noticed(text: str) -> str:
        """Give the text back."""
        ran.append(text)
        return text

    script = [asks_for(("echo", text))] * 9
    report, _ = await finished(start_run([{"prompt": "x"}], script, [noticed]))
    assert ran == []
    assert report.statistics.outcomes == {"model_error": 1}
    assert report.statistics.replies == 3
    assert [one.status for one in facts(tmp_path / "run", ToolReturned)] == ["invalid"] * 3
    assert {one.calls[0].arguments for one in facts(tmp_path / "run", ModelReplied)} == {text}
    (row,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert row["exit_reason"] == "unreadable_arguments"
    assert "3 replies in a row" in row["error"]


async def test_a_call_that_was_cut_off_is_not_run_and_the_model_is_told(
    start_run: OpenRun, tmp_path: Path
):
    """A whole call beside it is."""
    ran: list[str] = []

    @tool(effect="pure", name="echo")
    async def noticed(text: str = "nothing") -> str:
        """Give the text back."""
        ran.append(text)
        return text

    calls = (ToolCall("a", "echo", '{"text": "whole"}'), ToolCall("b", "echo", ""))
    script = [Reply(calls=calls, finish_reason="length"), answer()]
    report, _ = await finished(start_run([{"prompt": "x"}], script, [noticed]))
    assert ran == ["whole"]
    assert report.statistics.outcomes == {"completed": 1}
    told = {one.call_id: one for one in facts(tmp_path / "run", ToolReturned)}
    assert told["a"].status == "ok"
    assert (told["b"].status, told["b"].flags) == ("invalid", ("cut_arguments",))
    assert "cut off" in told["b"].output


async def test_the_last_few_sessions_are_left_when_the_others_have_ended(
    start_run: OpenRun, tmp_path: Path
):
    """One that never gets its answer is parked; nobody waits for it."""

    class LastHangs:
        async def reply(self, request: Request) -> Reply:
            """Answer all but one."""
            if b"never" in request.messages[-1]:
                await anyio.sleep_forever()
            return answer()

    rows = [{"id": "slow", "prompt": "never"}, *({"prompt": str(n)} for n in range(9))]
    options = {"finish_when": "90%", "concurrency": 2, "drain_timeout": 0.05}
    with anyio.fail_after(20):
        report, _ = await finished(start_run(rows, LastHangs(), **options))
    assert report.cause == "stragglers"
    assert report.reason == "90% of the sessions have ended, all but 1"
    assert report.statistics.outcomes == {"completed": 9, "interrupted": 1}
    assert report.balanced
    (row,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert row["id"] == "slow-0"


async def test_stragglers_of_a_run_from_python_are_left_as_well(tmp_path: Path):
    """Nobody knows how many prompts there are before all are begun."""

    class LastHangs:
        async def reply(self, request: Request) -> Reply:
            """Answer all but one."""
            if b"never" in request.messages[-1]:
                await anyio.sleep_forever()
            return answer()

    options: dict[str, Any] = {"finish_when": "75%", "concurrency": 4, "drain_timeout": 0.05}
    prompts = ["never", "a", "b", "c"]
    with anyio.fail_after(20):
        run = run_many(prompts, model=LastHangs(), record=tmp_path / "r", **options)
        given = [session async for session in run]
    assert len(given) == 3
    folded = fold_journal(tmp_path / "r" / "journal").sessions.values()
    ended = sorted(session.ended.outcome for session in folded if session.ended)
    assert ended == ["completed"] * 3 + ["interrupted"]


class Drawn:
    """A model that does in turn what was drawn, over all sessions, and then answers."""

    def __init__(self, script: Sequence[tuple[str, int]]) -> None:
        self.cents: list[int] = []
        self._script = iter(script)

    async def reply(self, request: Request) -> Reply:  # noqa: ARG002
        """Do what comes next; all of it costs something."""
        what, cents = next(self._script, ("answer", 1))
        await anyio.lowlevel.checkpoint()
        self.cents.append(cents)
        usage = Usage(1, 1, cost_usd=cents / 100)
        if what == "fail":
            raise EndpointError(Failure(kind="stream_cut", error="cut", usage=usage))
        if what == "call":
            call = ToolCall("a", "echo", '{"text": "x"}')
            return Reply(calls=(call,), finish_reason="tool_calls", usage=usage)
        return answer(usage)


@given(
    script=st.lists(st.tuples(st.sampled_from(["answer", "call", "fail"]), st.integers(1, 30))),
    sessions=st.integers(1, 8),
    concurrency=st.integers(1, 4),
    cents=st.integers(1, 100),
    own_cents=st.integers(1, 100),
    share=st.sampled_from([None, "50%", "90%"]),
)
@settings(max_examples=40, deadline=None)
def test_no_budget_is_passed_by_more_than_one_reply_a_session_in_flight(
    script, sessions, concurrency, cents, own_cents, share
):
    """And what was parked, what ended and what was not begun is all there was."""
    model, dearest = Drawn(script), max([30, *(each for _, each in script)])
    bounds = Settings(
        model="scripted",
        toolsets=(),
        concurrency=concurrency,
        max_cost_usd=cents / 100,
        max_session_cost_usd=own_cents / 100,
        finish_when=share,
        retry_base=0.001,
        sync="none",
    )

    async def rows() -> AsyncIterator[Prompt | Reject]:
        reading = Reading()
        for number in range(sessions):
            yield reading.row(number, b'{"prompt": "x"}')

    async def go(directory: Path) -> Report:
        source, shelf = Source(model, "scripted", "test"), load_shelf(bounds, [echo])
        async with open_run(directory, rows(), bounds, source, shelf, {"rows": sessions}) as run:
            return await run.finish()

    with tempfile.TemporaryDirectory() as folder:
        report = anyio.run(go, Path(folder, "run"))
        folded = fold_journal(Path(folder, "run", "journal")).sessions
    outcomes = report.statistics.outcomes
    assert report.balanced
    assert sum(outcomes.values()) + report.not_started == sessions
    assert report.cause or not (report.not_started or outcomes.get("interrupted"))
    assert sum(model.cents) < cents + concurrency * dearest
    costs = [session.usage.cost_usd or 0.0 for session in folded.values()]
    assert sum(costs) == pytest.approx(sum(model.cents) / 100)
    assert report.statistics.usage.cost_usd in (None, pytest.approx(sum(costs)))
    assert all(100 * cost < own_cents + dearest + 1e-6 for cost in costs)
