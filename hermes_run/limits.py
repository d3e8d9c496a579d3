"""How much one session may take. Pure: everything is read off the session's own events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from recorder.events import seconds
from recorder.messages import Times
from recorder.session import Session
from recorder.steps import Step


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one session; ``None`` is no bound.

    ``turns`` counts replies, ``tokens`` what was read and written over all of them, ``cost_usd``
    counts only replies whose price is known, ``time_s`` is wall time and ``working_s`` working time
    as :func:`working` counts it, both in seconds. ``calls`` bounds those of one reply.
    """

    turns: int | None = 50
    tokens: int | None = None
    cost_usd: float | None = None
    time_s: float | None = None
    working_s: float | None = None
    calls: int | None = 64


def exceeded(session: Session, limits: Limits) -> str | None:
    """Name the first bound that *session* has reached, if any."""
    usage = session.usage
    reached = {
        "max_turns": _reached(session.replies, limits.turns),
        "max_tokens": _reached(usage.input + usage.output, limits.tokens),
        "max_cost": _reached(usage.cost_usd or 0.0, limits.cost_usd),
        "session_timeout": limits.time_s is not None and elapsed(session) >= limits.time_s,
        "working_time": limits.working_s is not None and working(session) >= limits.working_s,
    }
    return next((name for name, is_reached in reached.items() if is_reached), None)


def elapsed(session: Session) -> float:
    """Seconds between the first and the last event, without those between two attempts.

    Never negative, also where the clock was set back: nobody gets more time than the limit.
    """
    if not session.began:
        return 0.0
    return max(0.0, seconds(session.last) - seconds(session.began) - session.idle_s)


def working(session: Session) -> float:
    """Seconds in which the model wrote what was kept, or calls ran; calls side by side count once.

    Not in it: attempts that failed, pauses before the next, waiting for a permit or for the
    record. A session is no slower because its endpoint is busy.
    """
    steps = (turn for turn in session.turns if isinstance(turn, Step))
    return sum(_lasted((step.reply.times,)) + _calls_lasted(step) for step in steps)


def trying(session: Session, now: float) -> float:
    """Seconds at *now*, since the epoch, for which the next reply has been tried again and again.

    They are counted from the first failure in a row.
    """
    first = session.failures[-session.failing] if session.failing else None
    return max(0.0, now - seconds(first.ts)) if first else 0.0


def _calls_lasted(step: Step) -> float:
    return _lasted(tuple(result.times for result in step.results))


def _lasted(spans: Sequence[Times | None]) -> float:
    """Seconds that at least one of *spans* covers; one that is not whole covers none."""
    known = sorted(
        (seconds(span.started), seconds(span.finished))
        for span in spans
        if span and span.started and span.finished
    )
    covered, until = 0.0, 0.0
    for begin, end in known:
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    return covered


def _reached(value: float, bound: float | None) -> bool:
    return bound is not None and value >= bound
