"""What a session needs before it goes on follows from what was recorded, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_run.decide import Stop
from hermes_run.recovery import (
    POISON,
    STALLED,
    Restore,
    Unknown,
    attempt_of,
    changed_last,
    is_spent,
    recover,
    touched_workspace,
)
from recorder.events import (
    ModelFailed,
    ModelReplied,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolStarted,
    UserSpoke,
    timestamp,
)
from recorder.messages import Effect, Message, Outcome, ToolCall
from recorder.session import Session, fold
from recorder.steps import Step


def session(*kinds: Any, **started: Any) -> Session:
    """Fold a session that was given a prompt and then what *kinds* say."""
    begun: dict[str, Any] = {"messages": (Message("user", "do it"),), **started}
    return fold(
        kind(session="s", seq=seq, ts=timestamp(seq), **fields)
        for seq, (kind, fields) in enumerate([(SessionStarted, begun), *kinds])
    )


def asks(*ids: str) -> Any:
    """Let the model ask for tools, each named as its call."""
    return ModelReplied, {"calls": tuple(ToolCall(one, f"tool_{one}", "{}") for one in ids)}


def begun(call_id: str, effect: Effect) -> Any:
    """Let a call begin."""
    return ToolStarted, {"call_id": call_id, "effect": effect}


def back(call_id: str) -> Any:
    """Let a call return."""
    return ToolReturned, {"call_id": call_id, "status": "ok", "output": "x"}


def says(text: str, **fields: Any) -> Any:
    """Let the model answer."""
    return ModelReplied, {"text": text, "finish_reason": "stop", **fields}


def ended(outcome: Outcome, reason: str) -> Any:
    """End the session."""
    return SessionEnded, {"outcome": outcome, "reason": reason}


CRASHED: Any = (SessionResumed, {"attempt": 2, "previous": "crashed"})
FAILED: Any = (ModelFailed, {"attempt": 1, "failure": "timeout"})


@pytest.mark.parametrize(
    "kinds",
    [
        [],
        [FAILED],
        [says("done")],
        [asks("a")],
        [asks("a"), begun("a", "workspace"), back("a")],
        [asks("a"), begun("a", "external"), back("a")],
        [asks("a"), begun("a", "pure")],
        [asks("a", "b"), begun("a", "read"), begun("b", "workspace"), back("b")],
        [asks("a"), begun("a", "external"), (UserSpoke, {"content": "go on"})],
    ],
)
@pytest.mark.parametrize("has_mirror", [True, False])
def test_what_can_simply_go_on_needs_nothing(kinds, has_mirror: bool):
    """Nothing was cut that could have left something behind."""
    assert recover(session(*kinds), has_mirror=has_mirror) is None


def test_a_call_in_the_workspace_runs_again_in_what_it_was_before():
    """The copy was made after the reply, or after the last call that had changed something."""
    cut = [asks("a"), begun("a", "workspace")]
    assert recover(session(*cut), has_mirror=True) == Restore(1)
    later = [asks("a", "b"), begun("a", "workspace"), back("a"), begun("b", "workspace")]
    assert recover(session(*later), has_mirror=True) == Restore(3)


def test_without_a_copy_the_model_is_told_that_nobody_knows():
    """Of the calls that were cut only; what was never begun just runs."""
    cut = [
        asks("a", "b", "c", "d"),
        begun("a", "read"),
        begun("b", "workspace"),
        begun("c", "pure"),
    ]
    found = recover(session(*cut), has_mirror=False)
    assert found == Unknown((ToolCall("b", "tool_b", "{}"),))


def test_a_call_with_an_effect_outside_never_runs_again():
    """The session is uncertain, whatever else is cut, and says which call it was."""
    cut = [asks("a", "b"), begun("a", "workspace"), begun("b", "external")]
    for has_mirror in (True, False):
        found = recover(session(*cut), has_mirror=has_mirror)
        assert isinstance(found, Stop)
        assert (found.outcome, found.reason) == ("uncertain", "external_call")
        assert "tool_b" in str(found.error)


def test_where_that_was_settled_the_model_is_told():
    """A copy of the workspace can't undo what happened outside."""
    cut = [asks("a", "b", "c"), begun("a", "workspace"), begun("b", "external"), begun("c", "read")]
    found = recover(session(*cut), has_mirror=True, settle=True)
    assert isinstance(found, Unknown)
    assert [call.id for call in found.calls] == ["a", "b"]


def test_the_effect_is_that_of_the_last_start():
    """A tool may have changed its nature between two attempts."""
    cut = [asks("a"), begun("a", "external"), CRASHED, begun("a", "read")]
    assert recover(session(*cut), has_mirror=False) is None


@pytest.mark.parametrize("brought", [[], [FAILED]])
def test_a_session_that_went_on_in_vain_three_times_is_poison(brought):
    """Each time the run crashed before it brought anything; the attempt at hand is not counted."""
    attempts = [CRASHED, *brought] * STALLED
    assert recover(session(*attempts), has_mirror=False) is None
    found = recover(session(*attempts, CRASHED), has_mirror=False)
    assert isinstance(found, Stop)
    assert (found.outcome, found.reason) == ("tool_error", POISON)
    assert "3 times" in str(found.error)


def test_whatever_an_attempt_brings_saves_it():
    """A session that gets somewhere may crash as often as it likes."""
    attempts = [CRASHED, CRASHED, CRASHED, asks("a"), CRASHED, back("a"), CRASHED]
    assert recover(session(*attempts), has_mirror=False) is None


def test_attempts_at_a_call_are_counted():
    """From one on, for each call by itself."""
    made = session(asks("a", "b"), begun("a", "pure"), CRASHED, begun("a", "pure"))
    step = made.turns[-1]
    assert isinstance(step, Step)
    assert [attempt_of(step, call) for call in step.reply.calls] == [3, 1]


def test_the_workspace_holds_still_after_the_last_result_that_changed_it():
    """What only read it does not count."""
    made = session(
        asks("a", "b", "c"),
        begun("a", "external"),
        begun("b", "read"),
        back("a"),
        back("b"),
        begun("c", "workspace"),
    )
    step = made.turns[-1]
    assert isinstance(step, Step)
    assert changed_last(step) == 4


@pytest.mark.parametrize(
    ("effect", "touched"),
    [("pure", False), ("read", False), ("workspace", True), ("external", True)],
)
def test_a_workspace_is_touched_by_a_call_that_may_change_it(effect: Effect, touched: bool):
    """Whether the call came back or not, in whichever turn."""
    assert not touched_workspace(session(asks("a")))
    made = session(asks("a"), begun("a", effect), back("a"), says("done"))
    assert touched_workspace(made) == touched


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (says("done"), "completed", "answered"),
        (says(" "), "model_error", "empty_reply"),
        (says("I can't", refusal="no"), "refused", "refusal"),
        (says("so long", finish_reason="length"), "limit", "reply_length"),
    ],
)
def test_a_session_that_its_last_reply_ended_is_spent(answer, outcome: Outcome, reason: str):
    """To ask again it has to begin anew; one that was only about to end is not."""
    assert is_spent(session(answer, ended(outcome, reason)))
    assert not is_spent(session(answer))
    assert not is_spent(session(answer, ended("interrupted", "cancelled")))


@pytest.mark.parametrize(
    "made",
    [
        session(ended("interrupted", "cancelled")),
        session(asks("a"), ended("completed", "answered")),
        session(FAILED, ended("model_error", "timeout")),
        session(
            ended("limit", "max_turns"),
            messages=(Message("user", "x"), Message("assistant", "given")),
        ),
    ],
)
def test_a_session_that_something_else_ended_is_not_spent(made: Session):
    """There is something to go on with."""
    assert not is_spent(made)
