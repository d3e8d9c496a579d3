"""Count what is in a journal, and compare it with what ``statistics.json`` says. Pure."""

from __future__ import annotations

from collections import Counter

import msgspec

from recorder.events import Event, ModelReplied, ToolReturned, Unknown
from recorder.session import Session
from recorder.statistics import RunStatistics, StatisticsFold
from recorder.verifying.verdict import StatisticsState

_decoder = msgspec.json.Decoder(RunStatistics)


class Counting:
    """Counts events and sessions.

    While it counts it also looks whether the statistics that were written were right at an earlier
    point: a process that was killed leaves such behind.

    Args:
        statistics: the content of ``statistics.json``; None where it is missing.
    """

    def __init__(self, statistics: bytes | None) -> None:
        self.events = self.unknown = self.calls = self.results = self.not_ended = 0
        self.outcomes: Counter[str] = Counter()
        self._fold = StatisticsFold()
        self._missing = statistics is None
        self._written = _read(statistics)
        self._replies = 0
        self._was_right = self._written == self._fold.value()

    def add(self, event: Event) -> None:
        """Count an event that is new."""
        self.events += 1
        self._fold.add(event)
        if isinstance(event, ModelReplied):
            self._replies += 1
            self.calls += len(event.calls)
        elif isinstance(event, ToolReturned):
            self.results += 1
        elif isinstance(event, Unknown):
            self.unknown += 1
        self._compare()

    def close(self, session: Session) -> None:
        """Count a session whose last event was counted."""
        if session.ended:
            self.outcomes[session.ended.outcome] += 1
        else:
            self.not_ended += 1

    def judge(self, *, settled: bool) -> StatisticsState:
        """Say how ``statistics.json`` stands to what was counted.

        Args:
            settled: nobody owns the run, each of its sessions has ended, and nothing is damaged.
        """
        if self._missing:
            return "missing"
        if self._written is None:
            return "wrong"
        if self._written == self._fold.value():
            return "equal"
        if self._was_right:
            return "older"
        return "wrong" if settled else "not compared"

    def _compare(self) -> None:
        """Look at the whole only where it can be right: that is work, and there are many events."""
        written = self._written
        if written and not self._was_right and written.replies == self._replies:
            self._was_right = written == self._fold.value()


def _read(statistics: bytes | None) -> RunStatistics | None:
    try:
        return _decoder.decode(statistics or b"")
    except (ValueError, RecursionError):
        return None
