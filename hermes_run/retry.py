"""When to try an endpoint again. Pure: chance is an argument."""

from __future__ import annotations

import msgspec

from hermes_run.models.failure import Failure


class Backoff(msgspec.Struct, frozen=True):
    """How often and how patiently to try; times in seconds.

    Source of the full jitter: Marc Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
    """

    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 60.0


def pause(backoff: Backoff, attempt: int, failure: Failure, chance: float) -> float | None:
    """Give the seconds to wait after *attempt* failed, or ``None`` to give up.

    Args:
        backoff: the budget.
        attempt: the number of the attempt that failed, from 1.
        failure: what went wrong; a ``retry_after_s`` of the endpoint is kept to, plus jitter.
        chance: a random number in [0, 1).
    """
    if failure.verdict != "retry" or attempt >= backoff.attempts:
        return None
    ceiling = min(backoff.cap_s, backoff.base_s * 2 ** (attempt - 1))
    asked = failure.retry_after_s or 0.0
    return round(asked + chance * ceiling, 3)
