"""What models do wrong: each gets a short result, is counted apart, and ends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.models.protocol import Reply
from hermes_run.tools.schema import tool
from recorder.messages import ToolCall
from recorder.reader import fold_journal
from recorder.steps import Step, pair

OpenRun = Callable[..., Any]
AsksFor = Callable[..., Any]
ROW = [{"id": "a", "prompt": "x"}]
ran: list[str] = []


@tool(effect="pure")
async def twice(number: int) -> int:
    """Double a number.

    Args:
        number: what to double.
    """
    ran.append("twice")
    return 2 * number


@tool(effect="pure")
async def broken(why: str = "") -> str:
    """Fail."""
    ran.append("broken")
    raise ValueError(f"broken {why}")


@tool(effect="workspace")
async def change() -> str:
    """Change something."""
    return "changed"


TOOLS = [twice, broken, change]
BROKEN = ("broken", '{"why": "x"}')


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Begin to count."""
    ran.clear()


def results(directory: Path) -> list[tuple[str, str, list[str]]]:
    """Give status, output and flags of all results of the session, in the order of the calls."""
    (session,) = fold_journal(directory / "journal").sessions.values()
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    found = [result for step in steps for _, result in pair(step).pairs if result]
    return [(one.status or "", one.output, list(one.flags)) for one in found]


@pytest.mark.parametrize(
    ("call", "expected", "said"),
    [
        (("twize", "{}"), ("invalid", ["unknown_tool"]), "no tool 'twize'. Did you mean 'twice'?"),
        (("", "{}"), ("invalid", ["unknown_tool"]), "Available tools: twice, broken, change"),
        (("twice", '{"number": 5'), ("invalid", ["invalid_json"]), "not valid JSON"),
        (("twice", "[5]"), ("invalid", ["invalid_json"]), "one JSON object, not a list"),
        (("twice", "{}"), ("invalid", ["invalid_arguments"]), "'number' is missing"),
        (("twice", '{"number": "five"}'), ("invalid", ["invalid_arguments"]), "'number' is wrong"),
        (("twice", '{"numbr": 5}'), ("invalid", ["invalid_arguments"]), "Did you mean 'number'"),
        (("twice", '{"number": "5"}'), ("ok", ["coerced:number"]), "10"),
        (("twice", '{"number": 5}'), ("ok", []), "10"),
        (BROKEN, ("error", []), "ValueError: broken x"),
    ],
)
async def test_a_mistake_gets_a_short_result_and_the_session_goes_on(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path, call, expected, said
):
    """With a flag to count it by, in the statistics of the run, too."""
    async with start_run(ROW, [asks_for(call), "done"], TOOLS) as run:
        report = await run.finish()
    ((status, output, flags),) = results(tmp_path / "run")
    assert (status, flags) == expected
    assert said in output
    assert len(output) < 300
    assert report.statistics.outcomes == {"completed": 1}
    counted = {flag.partition(":")[0]: 1 for flag in flags}
    written = json.loads((tmp_path / "run" / "statistics.json").read_bytes())
    assert written["result_flags"] == report.statistics.result_flags == counted
    (row,) = map(json.loads, (tmp_path / "run" / "trajectories.jsonl").read_text().splitlines())
    failed = {name: count for name, count in row["tool_error_counts"].items() if count}
    assert failed == ({} if status == "ok" else {call[0]: 1})


async def test_calls_beyond_the_bound_of_a_reply_are_not_run(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """They are answered all the same, and are neither success nor failure."""
    asked = asks_for(*[("twice", '{"number": 1}')] * 9)
    async with start_run(ROW, [asked, "done"], TOOLS, max_calls=4) as run:
        report = await run.finish()
    found = results(tmp_path / "run")
    assert [status for status, _, _ in found] == ["ok"] * 4 + ["skipped"] * 5
    assert "only the first 4" in found[-1][1]
    assert ran == ["twice"] * 4
    counts = report.statistics.tools["twice"]
    assert (counts.count, counts.success, counts.failure) == (9, 4, 0)
    assert report.statistics.result_flags == {"too_many_calls": 5}


async def test_a_call_that_fails_again_and_again_is_no_longer_run(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """Until something changed; a session of nothing else ends by its limits."""
    again, other = asks_for(BROKEN), asks_for(("broken", '{"why": "y"}'))
    script = [again, other, again, again, asks_for(("change", "{}")), again, *[again] * 9]
    async with start_run(ROW, script, TOOLS, max_repeats=2, max_turns=12) as run:
        report = await run.finish()
    assert [status for status, _, _ in results(tmp_path / "run")] == [
        *("error", "error", "error", "skipped", "ok", "error"),
        *["skipped"] * 6,
    ]
    assert report.statistics.outcomes == {"limit": 1}
    assert report.statistics.result_flags == {"repeated": 7}
    assert len(ran) == 4


async def test_a_session_that_goes_on_refuses_what_it_would_have_refused(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """What failed before a crash counts: it is read from the record."""
    held = anyio.Event()

    @tool(effect="pure", name="hold")
    async def hold() -> str:
        """Hold whoever calls."""
        held.set()
        await anyio.sleep_forever()
        return ""

    both = asks_for(BROKEN, ("hold", "{}"), ("twice", '{"number": 1}'))
    script = [asks_for(BROKEN), asks_for(BROKEN), both]
    async with (
        start_run(ROW, script, [*TOOLS, hold], max_repeats=2, max_calls=2) as run,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(run.finish)
        with anyio.fail_after(20):
            await held.wait()
        tasks.cancel_scope.cancel()
    (session,) = fold_journal(tmp_path / "run" / "journal").sessions.values()
    last = session.turns[-1]
    assert isinstance(last, Step)
    flags = {result.call_id: result.flags for result in last.results}
    assert flags == {"call_0": ("repeated",), "call_2": ("too_many_calls",)}
    assert [started.call_id for started in last.started] == ["call_1"]


async def test_a_reply_of_thousands_of_calls_is_answered_in_full(
    start_run: OpenRun, tmp_path: Path
):
    """Each call has a result, so that the conversation can go on."""
    calls = tuple(ToolCall(f"c{n}", "twice", '{"number": 1}') for n in range(3000))
    async with start_run(ROW, [Reply(calls=calls), "done"], TOOLS) as run:
        report = await run.finish()
    assert len(results(tmp_path / "run")) == 3000
    assert report.statistics.result_flags == {"too_many_calls": 2936}
    assert report.statistics.outcomes == {"completed": 1}
