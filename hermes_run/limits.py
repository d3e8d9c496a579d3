"""How much one session may take. Pure: everything is read off the session's own events."""

from __future__ import annotations

import msgspec

from recorder.events import seconds
from recorder.session import Session


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one session; ``None`` is no bound.

    ``turns`` counts replies, ``tokens`` what was read and written over all of them, ``cost_usd``
    counts only replies whose price is known, ``time_s`` is wall time in seconds.
    """

    turns: int | None = 50
    tokens: int | None = None
    cost_usd: float | None = None
    time_s: float | None = None


def exceeded(session: Session, limits: Limits) -> str | None:
    """Name the first bound that *session* has reached, if any."""
    usage = session.usage
    reached = {
        "max_turns": _reached(session.replies, limits.turns),
        "max_tokens": _reached(usage.input + usage.output, limits.tokens),
        "max_cost": _reached(usage.cost_usd or 0.0, limits.cost_usd),
        "session_timeout": limits.time_s is not None and elapsed(session) >= limits.time_s,
    }
    return next((name for name, is_reached in reached.items() if is_reached), None)


def elapsed(session: Session) -> float:
    """Seconds between the first and the last event, without those between two attempts.

    Never negative, also where the clock was set back: nobody gets more time than the limit.
    """
    if not session.began:
        return 0.0
    return max(0.0, seconds(session.last) - seconds(session.began) - session.idle_s)


def _reached(value: float, bound: float | None) -> bool:
    return bound is not None and value >= bound
