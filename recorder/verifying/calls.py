"""Whether the calls and results of a session fit each other. Pure.

What a session began with is not looked at: it is what the input row held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from recorder.session import Session
from recorder.steps import Pairing, Step, pair

_CUT_SHORT = ("interrupted", "limit", "uncertain", "model_error", "tool_error")
"""Outcomes of sessions that may have stopped between a call and its result."""


def misfits(session: Session) -> Iterator[tuple[int, str]]:
    """Say what does not fit, each with the number of the event that is wrong."""
    begun = session.started.seq if session.started else 0
    for result in session.orphans:
        if result.seq > begun:
            yield result.seq, f"a result came while no call was open ({result.call_id!r:.80})"
    missing = 0
    for step in session.turns:
        if isinstance(step, Step) and step.reply.seq > begun:
            found = pair(step)
            missing += sum(result is None for _, result in found.pairs)
            yield from _misfits_of(step, found)
            yield from _repeated(step, session.resumed_at)
    ended = session.ended
    if missing and ended and ended.outcome not in _CUT_SHORT:
        yield ended.seq, f"it ended as {ended.outcome} with {missing} unanswered calls"


def _misfits_of(step: Step, found: Pairing) -> Iterator[tuple[int, str]]:
    for result in found.duplicates:
        yield result.seq, f"a second result came for call {result.call_id!r:.80}"
    unanswered = any(result is None for _, result in found.pairs)
    for result in found.orphans:
        if not result.call_id and unanswered:
            continue  # results without ids go by position, which shows when all are there
        yield result.seq, f"a result came for {result.call_id!r:.80}, which nobody called"
    called = {call.id for call in step.reply.calls}
    for started in step.started:
        if started.call_id not in called:
            yield started.seq, f"{started.call_id!r:.80} was started, which nobody called"


def _repeated(step: Step, resumed_at: int) -> Iterator[tuple[int, str]]:
    """Find calls that may change the world and were started again in one attempt at a session."""
    left = Counter(call.id for call in step.reply.calls)
    for started in step.started:
        if started.effect == "external" and started.seq > resumed_at and started.call_id in left:
            left[started.call_id] -= 1
            if left[started.call_id] < 0:
                what = "was started again, though it may have taken effect"
                yield started.seq, f"{started.call_id!r:.80} {what}"
