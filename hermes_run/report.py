"""What a run came to, and whether its sum balances. Pure."""

from __future__ import annotations

import msgspec

from hermes_run.brake import Cause
from hermes_run.intake import Counts
from recorder.statistics import RunStatistics

FAILED = ("model_error", "tool_error", "interrupted", "uncertain")
"""Outcomes of sessions that did not end by themselves."""


class Report(msgspec.Struct, frozen=True):
    """What a run came to; ``not_started`` counts sessions that were never begun.

    In a run that went on, ``waiting`` are sessions that a crash cut off and that did not get to go
    on, and ``others`` those that were recorded before and that no row asks for any more.
    """

    directory: str
    counts: Counts
    not_started: int
    statistics: RunStatistics
    cause: Cause | None
    reason: str
    waiting: int = 0
    others: int = 0

    @property
    def failed(self) -> int:
        """Sessions that did not end by themselves."""
        return sum(self.statistics.outcomes.get(name, 0) for name in FAILED)

    @property
    def balanced(self) -> bool:
        """Whether every session that came in is accounted for.

        What came in was counted from rows, what started and ended from events.
        """
        ended = sum(self.statistics.outcomes.values())
        left = self.not_started + self.waiting
        may_be_left = self.cause is not None or left == 0
        is_possible = min(self.not_started, self.waiting, self.others) >= 0
        return is_possible and may_be_left and ended + self.waiting == self.statistics.started
