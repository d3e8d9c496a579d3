"""What a session needs next. Pure: the same session and limits always give the same step."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hermes_run.limits import Limits, Worked, exceeded
from recorder.events import ModelFailed
from recorder.messages import Outcome, ToolCall, text_of
from recorder.session import Session
from recorder.steps import Step, unanswered


class Ask(msgspec.Struct, frozen=True):
    """The model is to be asked."""


class Call(msgspec.Struct, frozen=True):
    """These calls are to run."""

    calls: tuple[ToolCall, ...]


class Stop(msgspec.Struct, frozen=True):
    """Nothing more is to be done."""

    outcome: Outcome
    reason: str
    error: str | None = None


Next: TypeAlias = Ask | Call | Stop

SANDBOX_BROKE = "sandbox_broke"
"""Flag of a result whose call failed because the environment did."""

UNREADABLE = ("invalid_json", "cut_arguments")
"""Flags of results of calls that were not run because nobody can know what was to be done."""

MOST_UNREADABLE = 3
"""Replies in a row that may ask for nothing else."""

_UNREADABLE_TEXT = (
    f"{MOST_UNREADABLE} replies in a row asked only for calls whose arguments are cut off or no "
    "JSON object: none was run"
)

_NO_ANSWER_TEXT = "the session's time was over while it waited for the endpoint"

_LASTING: dict[str, Outcome] = {"filtered": "refused", "context_overflow": "limit"}


def decide(session: Session, limits: Limits, worked: Worked | None = None) -> Next:
    """Give the next step of *session*.

    A broken environment ends a session at once. Else calls without a result come first; then what
    ends a session: an answer that asks for nothing more, calls that can't be read again and again,
    a request that was given up, a bound that is reached. Else the model is asked.

    ``worked`` is what was counted of this session before; without it, all of its turns are.
    """
    last = session.turns[-1] if session.turns else None
    if isinstance(last, Step) and (broken := _broken(last, session.resumed_at)):
        return Stop("tool_error", "sandbox", broken)
    if isinstance(last, Step) and (missing := unanswered(last)):
        return Call(missing)
    if isinstance(last, Step) and not last.reply.calls and last.reply.origin == "model":
        return _after_answer(last)
    if _unreadable_in_a_row(session) >= MOST_UNREADABLE:
        return Stop("model_error", "unreadable_arguments", _UNREADABLE_TEXT)
    if session.failing and session.failures[-1].wait_s is None:
        return _after_failure(session.failures[-1])
    if reason := exceeded(session, limits, worked):
        return time_over(session) if reason == "session_timeout" else Stop("limit", reason)
    return Ask()


def time_over(session: Session, *, held: bool = False) -> Stop:
    """How a session ends whose time is over.

    One that waited for the endpoint is not at fault: it goes on when the run is resumed.

    Args:
        session: as it is when its time is over.
        held: whether it mostly waited for leave to ask, since it last got further.
    """
    if held or session.failing:
        return Stop("interrupted", "no_answer", _NO_ANSWER_TEXT)
    return Stop("limit", "session_timeout")


def _broken(step: Step, resumed_at: int) -> str | None:
    """What broke the sandbox in this attempt, if anything did."""
    for result in step.results:
        if SANDBOX_BROKE in result.flags and result.seq > resumed_at:
            return text_of(result.output) or SANDBOX_BROKE
    return None


def _unreadable_in_a_row(session: Session) -> int:
    """How many of the last replies of this attempt asked for nothing that could be read."""
    count = 0
    for turn in reversed(session.turns):
        if not isinstance(turn, Step) or turn.reply.seq <= session.resumed_at:
            break
        flags = [result.flags for result in turn.results]
        if not flags or not all(any(name in UNREADABLE for name in each) for each in flags):
            break
        count += 1
    return count


def _after_failure(failure: ModelFailed) -> Stop:
    """What no further attempt would change is no error of the endpoint.

    A session whose endpoint asked for more time than anybody waits is parked: it is no failure
    either, and goes on when the run is resumed.
    """
    if failure.parked_s is not None:
        asked = f"the endpoint asked to be left alone for {failure.parked_s:g} s"
        return Stop("interrupted", "parked", f"{asked}: {failure.error}")
    outcome = _LASTING.get(failure.failure, "model_error")
    return Stop(outcome, failure.failure, failure.error)


def _after_answer(step: Step) -> Stop:
    reply = step.reply
    if reply.finish_reason == "content_filter":
        return Stop("refused", "content_filter", reply.refusal)
    if reply.refusal or reply.finish_reason == "refusal":
        return Stop("refused", "refusal", reply.refusal)
    if reply.finish_reason == "length":
        return Stop("limit", "reply_length")
    if not (reply.text or "").strip():
        return Stop("model_error", "empty_reply", "the model gave no answer and no calls")
    return Stop("completed", "answered")
