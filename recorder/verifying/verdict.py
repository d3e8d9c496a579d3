"""What came of an inspection."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from recorder.reader import Torn
from recorder.verifying.faults import Fault
from recorder.verifying.sound import Cut

StatisticsState: TypeAlias = Literal["equal", "older", "missing", "wrong", "not compared"]
"""How ``statistics.json`` stands to the journal; ``older``: it was right at an earlier point."""


class Counts(msgspec.Struct, frozen=True):
    """What was looked at.

    Of the lines, ``events`` say something new, ``repeated`` stand there twice, equal, and
    ``unknown`` are of a later version. Of the sessions, ``not_ended`` may go on and ``damaged``
    ones were read as far as they are sound.

    Of the rows, ``equal`` are right, ``outdated`` of earlier attempts and ``unchecked`` of damaged
    sessions; ``late`` sessions of a run that goes on have none yet, and the rows of ``torn`` were
    being written.
    """

    segments: int = 0
    bytes: int = 0
    lines: int = 0
    events: int = 0
    repeated: int = 0
    unknown: int = 0
    tools: int = 0
    calls: int = 0
    results: int = 0
    sessions: int = 0
    not_ended: int = 0
    damaged: int = 0
    rows: int = 0
    equal: int = 0
    outdated: int = 0
    unchecked: int = 0
    late: int = 0
    torn: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What came of an inspection; ``pid`` owned the run meanwhile, if anybody did.

    ``faults`` are the first of each kind, ``fault_counts`` counts all. ``torn`` are tails of
    segments and ``torn_rows`` the sizes of such tails of rows, in bytes: they were being written
    when their process ended, and nothing that counts is in them.
    """

    run: str
    pid: int | None
    counts: Counts
    outcomes: dict[str, int]
    statistics: StatisticsState
    torn: tuple[Torn, ...]
    torn_rows: dict[str, int]
    faults: tuple[Fault, ...]
    fault_counts: dict[str, int]
    cuts: dict[str, Cut]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault_counts
