"""How much one session may take. Pure: everything is read off the session's own events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from recorder.events import seconds
from recorder.messages import Times
from recorder.session import Session
from recorder.steps import Step, Turn


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one session; ``None`` is no bound.

    ``turns`` counts replies, ``tokens`` what was read and written over all of them, ``cost_usd``
    counts only replies whose price is known, ``time_s`` is wall time and ``working_s`` working time
    as :class:`Worked` counts it, both in seconds. ``calls`` bounds those of one reply.
    """

    turns: int | None = 50
    tokens: int | None = None
    cost_usd: float | None = None
    time_s: float | None = None
    working_s: float | None = None
    calls: int | None = 64


class Worked:
    """How long one session has worked; a turn is looked at once when another has followed it.

    These are the seconds in which the model wrote what was kept, or calls ran; calls side by side
    count once. Not in it: attempts that failed, pauses before the next, waiting for a permit or for
    the record. A session is no slower because its endpoint is busy.
    """

    def __init__(self) -> None:
        self._settled_s = 0.0
        self._turns = 0

    def seconds(self, turns: Sequence[Turn]) -> float:
        """Give it for *turns*, which go on where those of the last call ended."""
        for place in range(self._turns, len(turns) - 1):
            self._settled_s += _turn_lasted(turns[place])
        self._turns = max(self._turns, len(turns) - 1)
        return self._settled_s + _turn_lasted(turns[-1]) if turns else 0.0


def exceeded(session: Session, limits: Limits, worked: Worked | None = None) -> str | None:
    """Name the first bound that *session* has reached, if any.

    Args:
        session: the session.
        limits: its bounds.
        worked: what was counted of this session before, where it is asked for again and again.
    """
    usage = session.usage
    worked = worked or Worked()
    working_s = worked.seconds(session.turns) if limits.working_s is not None else 0.0
    reached = {
        "max_turns": _reached(session.replies, limits.turns),
        "max_tokens": _reached(usage.input + usage.output, limits.tokens),
        "max_cost": _reached(usage.cost_usd or 0.0, limits.cost_usd),
        "session_timeout": limits.time_s is not None and elapsed(session) >= limits.time_s,
        "working_time": _reached(working_s, limits.working_s),
    }
    return next((name for name, is_reached in reached.items() if is_reached), None)


def elapsed(session: Session) -> float:
    """Seconds between the first and the last event, without those between two attempts.

    Never negative, also where the clock was set back: nobody gets more time than the limit.
    """
    if not session.began:
        return 0.0
    return max(0.0, seconds(session.last) - seconds(session.began) - session.idle_s)


def trying(session: Session, now: float) -> float:
    """Seconds at *now*, since the epoch, for which the next reply has been tried again and again.

    They are counted from the first failure in a row.
    """
    first = session.failures[-session.failing] if session.failing else None
    return max(0.0, now - seconds(first.ts)) if first else 0.0


def _turn_lasted(turn: Turn) -> float:
    if not isinstance(turn, Step):
        return 0.0
    return _lasted((turn.reply.times,)) + _lasted([result.times for result in turn.results])


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
