"""Which sessions are kept when a run goes on, which go on, and from where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.resume import Choices
from hermes_run.tools.schema import tool
from recorder.messages import Outcome, ToolCall
from recorder.standing import Standing

ROWS: tuple[dict[str, Any], ...] = tuple({"id": name, "prompt": name} for name in "abc")
BROKEN = Failure("server", "HTTP 500")
ASKS = Reply(calls=(ToolCall("call", "none", "{}"),), finish_reason="tool_calls")
"""A reply that asks for a tool that is not there."""


def standing(ended: str, reason: str = "") -> Standing:
    """Make a session that ended so."""
    return Standing("k", "h", 0, ended=ended, reason=reason)


@pytest.mark.parametrize(
    ("ended", "unasked"),
    [
        ("crashed", True),
        ("model_error", True),
        ("tool_error", True),
        ("interrupted", True),
        ("completed", False),
        ("limit", False),
        ("refused", False),
        ("uncertain", False),
    ],
)
def test_failed_and_interrupted_sessions_go_on_unasked(ended: Any, unasked: bool):
    """All others are kept unless their outcome is named."""
    assert Choices().goes_on(standing(ended)) == unasked
    assert Choices(retry=(ended,)).goes_on(standing(ended))


def test_poison_is_not_taken_twice():
    """It crashed the run again and again: only who asks for it gets it."""
    poison = standing("tool_error", "poison")
    assert not Choices().goes_on(poison)
    assert Choices(restart_failed=True).goes_on(poison)
    assert Choices(retry=("tool_error",)).goes_on(poison)


async def test_what_is_over_is_not_touched(begin, resume, sessions, rows_of):
    """The model is not asked, and the rows stay as they are."""
    await begin(ROWS, ["1", "2", "3"])
    before, rows = sessions(), rows_of()
    report = await resume(ROWS, [])
    assert (report.balanced, report.statistics.outcomes) == (True, {"completed": 3})
    assert (sessions(), rows_of()) == (before, rows)


async def test_a_session_goes_on_from_its_last_event(crash, resume, sessions, rows_of):
    """What the model said before is part of the next request, and is not asked for again."""
    await crash(ROWS, [ASKS])
    model = Scripted(["done", "2", "3"])
    report = await resume(ROWS, model)
    assert report.balanced
    assert report.statistics.outcomes == {"completed": 3}
    assert len(model.requests) == 3
    assert len(model.requests[0].messages) == 3
    session = sessions()["a-0"]
    assert (session.attempt, session.replies) == (2, 2)
    assert set(rows_of("trajectories.jsonl")) == {"a-0", "b-0", "c-0"}


async def test_failed_sessions_are_tried_again(begin, resume, rows_of):
    """Their old rows are gone afterwards."""
    await begin(ROWS, ["1", BROKEN, BROKEN])
    assert set(rows_of("failed_trajectories.jsonl")) == {"b-0", "c-0"}
    report = await resume(ROWS, ["2", BROKEN])
    assert report.statistics.outcomes == {"completed": 2, "model_error": 1}
    assert report.balanced
    assert set(rows_of("failed_trajectories.jsonl")) == {"c-0"}
    assert rows_of()["c-0"]["timing"]["attempts"] == 2


async def test_failed_sessions_may_begin_anew(begin, resume, sessions, asks_for, tmp_path: Path):
    """With the turns that they were started with, and the workspace as their rows say."""
    row = {"id": "a", "prompt": "a", "workspace": {"given": "1"}}
    script = [asks_for(("write_file", '{"path": "left", "content": "x"}')), BROKEN]
    await begin([row], script, toolsets=("file",))
    assert (tmp_path / "run" / "workspaces" / "a-0" / "left").exists()
    model = Scripted(["done"])
    options: Any = {"toolsets": ("file",), "keep_workspaces": True}
    await resume([row], model, choices=Choices(restart_failed=True), **options)
    assert len(model.requests[0].messages) == 1
    assert sessions()["a-0"].replies == 1
    kept = tmp_path / "run" / "workspaces" / "a-0"
    assert [path.name for path in kept.iterdir()] == ["given"]


async def test_what_was_in_flight_goes_on_even_then(crash, resume, sessions):
    """It has not failed."""
    await crash(ROWS[:1], [ASKS])
    await resume(ROWS[:1], ["done"], choices=Choices(restart_failed=True))
    assert sessions()["a-0"].replies == 2


async def test_a_limit_that_was_raised_lets_sessions_go_on(begin, resume, sessions):
    """Only where that outcome is named; replies are counted over all attempts."""
    await begin(ROWS[:1], [ASKS] * 2, max_turns=2)
    assert (await resume(ROWS[:1], [], max_turns=4)).statistics.outcomes == {"limit": 1}
    retry = Choices(retry=("limit",))
    await resume(ROWS[:1], [ASKS] * 2, choices=retry, max_turns=4)
    assert (sessions()["a-0"].replies, sessions()["a-0"].attempt) == (4, 2)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("", "model_error"),
        (Reply(text="no", refusal="no", finish_reason="stop"), "refused"),
        (Reply(text="so l", finish_reason="length"), "limit"),
        ("done", "completed"),
    ],
)
async def test_a_session_that_its_answer_ended_begins_anew(
    begin, resume, rows_of, answer: Any, outcome: Outcome
):
    """There is nothing to go on with: the answer is recorded and would end it again."""
    await begin(ROWS[:1], [answer])
    assert rows_of()["a-0"]["outcome"] == outcome
    await resume(ROWS[:1], ["better"], choices=Choices(retry=(outcome,)))
    row = rows_of()["a-0"]
    assert (row["outcome"], row["api_calls"]) == ("completed", 1)
    assert row["conversations"][-1]["value"].endswith("better")


async def test_an_effect_outside_makes_a_session_uncertain(
    crash, resume, sessions, rows_of, tmp_path: Path
):
    """Nobody sends it again; who wants to know more has to ask, and then the model is told."""
    sending = anyio.Event()

    @tool(effect="external", name="send")
    async def hang(text: str) -> str:
        """Send something, and never hear of it."""
        sending.set()
        await anyio.sleep_forever()
        return text

    call = ToolCall("call", "send", json.dumps({"text": "x"}))
    asks = Reply(calls=(call,), finish_reason="tool_calls")
    await crash(ROWS[:1], [asks], [hang], sending)
    report = await resume(ROWS[:1], [], [hang])
    assert (report.statistics.outcomes, report.failed) == ({"uncertain": 1}, 1)
    assert (await resume(ROWS[:1], [], [hang])).statistics.outcomes == {"uncertain": 1}
    asked = Scripted(["I looked"])
    await resume(ROWS[:1], asked, [hang], choices=Choices(retry=("uncertain",)))
    assert b"not known whether it took effect" in asked.requests[0].messages[-1]
    assert sessions()["a-0"].turns[1].results[0].status == "unknown"
    assert rows_of()["a-0"]["outcome"] == "completed"
