"""What a session needs before it can go on after a crash. Pure: from recorded facts alone.

A call that was started and has no result may have had its effect or not. What follows depends on
what the tool may change:

====================  ==============================================================
``pure``, ``read``    it runs again
``workspace``         it runs again in the workspace as it was before, where that is
                      at hand; else the model is told that nobody knows
``external``          it never runs again: the session is ``uncertain``
====================  ==============================================================
"""

from __future__ import annotations

from operator import attrgetter
from typing import TypeAlias

import msgspec

from hermes_run.decide import Stop, decide
from hermes_run.limits import Limits
from recorder.messages import LASTING, Effect, ToolCall
from recorder.session import Session
from recorder.steps import Step, unanswered

STALLED = 3
"""How often a session may go on after a crash, crash again and bring nothing."""

POISON = "poison"
"""Why such a session ended; it is not tried again unasked."""

UNKNOWN_TEXT = (
    '{"error": "The run was interrupted while this call was running. It is not known whether it '
    'took effect: look before you repeat it."}'
)


_call_id = attrgetter("call_id")


class Unknown(msgspec.Struct, frozen=True):
    """Calls of which the model is to be told that nobody knows what they did."""

    calls: tuple[ToolCall, ...]


class Restore(msgspec.Struct, frozen=True):
    """The workspace is to be as it was after fact number *seq*."""

    seq: int


Recovery: TypeAlias = Unknown | Restore | Stop


def recover(session: Session, *, has_mirror: bool, settle: bool = False) -> Recovery | None:
    """Say what *session* needs before its next step, or ``None`` if nothing.

    Args:
        session: a session whose attempt is over, ended or not.
        has_mirror: whether the workspace can be had as :func:`changed_last` leaves it.
        settle: go on also after a call with an effect outside, and tell the model about it.
    """
    if session.stalled > STALLED:  # this attempt is counted, and had no chance yet
        error = f"it went on {STALLED} times, and the run crashed before it brought anything"
        return Stop("tool_error", POISON, error)
    step = session.turns[-1] if session.turns else None
    if not isinstance(step, Step):
        return None
    cut = [(call, effect) for call in unanswered(step) if (effect := _effect(step, call))]
    outside = [call.name for call, effect in cut if effect == "external"]
    if outside and not settle:
        return Stop("uncertain", "external_call", f"{outside[0]} may have taken effect")
    if not any(effect in LASTING for _, effect in cut):
        return None
    if has_mirror and not outside:
        return Restore(changed_last(step))
    return Unknown(tuple(call for call, effect in cut if effect in LASTING))


def _effect(step: Step, call: ToolCall) -> Effect | None:
    """What a call may have changed, if it was ever started."""
    effects: list[Effect] = [
        started.effect for started in step.started if started.call_id == call.id
    ]
    return effects[-1] if effects else None


def attempt_of(step: Step, call: ToolCall) -> int:
    """The number of the next attempt at *call*, from 1."""
    # Asked for each call of a reply, however many these are: nothing here runs for each of them.
    return 1 + list(map(_call_id, step.started)).count(call.id)


def changed_last(step: Step) -> int:
    """Number the fact after which the workspace held still until another call changes it.

    It is the last result of a call with a lasting effect, or the reply if none has returned.
    """
    lasting = {started.call_id for started in step.started if started.effect in LASTING}
    returned = [result.seq for result in step.results if result.call_id in lasting]
    return max(returned, default=step.reply.seq)


def touched_workspace(session: Session) -> bool:
    """Whether a call was started that may have changed the workspace."""
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    return any(started.effect in LASTING for step in steps for started in step.started)


def is_spent(session: Session) -> bool:
    """Whether its last reply is what ended the session, so that going on would only end it again.

    It is an answer that was refused, cut or empty, or that completed the session.
    """
    last = session.turns[-1] if session.turns else None
    ended = session.ended
    if ended is None or not isinstance(last, Step) or last.reply.calls:
        return False
    again = decide(session, Limits(turns=None))
    if not isinstance(again, Stop):
        return False
    return (again.outcome, again.reason) == (ended.outcome, ended.reason)
