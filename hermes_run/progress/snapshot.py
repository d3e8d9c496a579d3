"""Everything that there is to show of a run at one moment, as one value."""

from __future__ import annotations

import msgspec

from recorder.statistics import RunStatistics


class Snapshot(msgspec.Struct, frozen=True):
    """How a run stands; times in seconds.

    ``total`` counts the sessions that there will be as far as is known. ``waiting`` are sessions
    that pause before they ask again. ``paused`` says why the record can't grow, if it can't;
    ``sync_age_s`` is None before the first sync. ``slowest`` holds the sessions in flight that
    began first and for how long they have run. ``stopping`` says why the run stops early.
    """

    elapsed_s: float
    total: int
    rejected: int
    statistics: RunStatistics
    waiting: int = 0
    sessions_per_min: float = 0.0
    turns_per_s: float = 0.0
    left_s: float | None = None
    unsynced: int = 0
    sync_age_s: float | None = None
    paused: str | None = None
    slowest: tuple[tuple[str, float], ...] = ()
    last_failure: str | None = None
    stopping: str = ""

    @property
    def ended(self) -> int:
        """Sessions that ended, however they did."""
        return sum(self.statistics.outcomes.values())

    @property
    def percent(self) -> float:
        """How much of the run is done, from 0 to 100."""
        return min(100.0, 100.0 * self.ended / self.total) if self.total else 0.0
