"""The fold of a whole run."""

from __future__ import annotations

from recorder.events import SessionStarted, timestamp
from recorder.statistics import StatisticsFold


async def test_the_fold_is_a_sink():
    """An event that is sent to it is counted."""
    fold = StatisticsFold()
    await fold(SessionStarted(session="s", seq=0, ts=timestamp(0)))
    assert (fold.value().started, fold.value().running) == (1, 1)
