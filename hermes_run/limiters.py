"""What only a few may do at once, counted for each event loop."""

from __future__ import annotations

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar


def limiter_in(kept: RunVar[CapacityLimiter], places: int) -> CapacityLimiter:
    """Give the limiter of this event loop; the first who asks makes it.

    Args:
        kept: where it is kept.
        places: how many may have a turn at once.
    """
    try:
        return kept.get()
    except LookupError:
        kept.set(CapacityLimiter(places))
        return kept.get()
