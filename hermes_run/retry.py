"""When to try an endpoint again. Pure: chance is an argument."""

from __future__ import annotations

import msgspec

from hermes_run.failure import Failure

_STEPS = 64


class Backoff(msgspec.Struct, frozen=True):
    """How often and how patiently to try; times in seconds.

    ``attempts`` bounds the failures in a row, ``base_s`` and ``cap_s`` the pause that is our own
    choice, and ``patience_s`` the pause that an endpoint may ask for: beyond it the session is
    given up, to be resumed later.

    Source of the full jitter: Marc Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
    """

    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 60.0
    patience_s: float = 3600.0


def pause(backoff: Backoff, attempt: int, failure: Failure, chance: float) -> float | None:
    """Give the seconds to wait after *attempt* failed, or ``None`` to give up.

    Args:
        backoff: the budget.
        attempt: the number of the attempt that failed, from 1.
        failure: what went wrong; a ``retry_after_s`` of the endpoint is kept to, plus jitter.
        chance: a random number in [0, 1).
    """
    asked = failure.retry_after_s or 0.0
    if failure.verdict != "retry" or attempt >= backoff.attempts or asked > backoff.patience_s:
        return None
    steps = min(attempt - 1, _STEPS)  # a float holds no more than about a thousand doublings
    ceiling = min(backoff.cap_s, backoff.base_s * 2.0**steps)
    return round(asked + chance * ceiling, 3)
