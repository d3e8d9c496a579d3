"""What a session needs next. Pure: the same session and limits always give the same step."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hermes_run.limits import Limits, exceeded
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

_LASTING: dict[str, Outcome] = {"filtered": "refused", "context_overflow": "limit"}


def decide(session: Session, limits: Limits) -> Next:
    """Give the next step of *session*.

    A broken environment ends a session at once. Else calls without a result come first; then what
    ends a session: an answer that asks for nothing more, a request that was given up, a bound that
    is reached. Else the model is asked.
    """
    last = session.turns[-1] if session.turns else None
    if isinstance(last, Step) and (broken := _broken(last, session.resumed_at)):
        return Stop("tool_error", "sandbox", broken)
    if isinstance(last, Step) and (missing := unanswered(last)):
        return Call(missing)
    if isinstance(last, Step) and not last.reply.calls and last.reply.origin == "model":
        return _after_answer(last)
    if session.failing and session.failures[-1].wait_s is None:
        return _after_failure(session.failures[-1])
    if reason := exceeded(session, limits):
        return Stop("limit", reason)
    return Ask()


def _broken(step: Step, resumed_at: int) -> str | None:
    """What broke the sandbox in this attempt, if anything did."""
    for result in step.results:
        if SANDBOX_BROKE in result.flags and result.seq > resumed_at:
            return text_of(result.output) or SANDBOX_BROKE
    return None


def _after_failure(failure: ModelFailed) -> Stop:
    """What no further attempt would change is no error of the endpoint."""
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
