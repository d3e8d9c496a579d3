"""Faults: what is wrong with a record, and where it stands. Pure."""

from __future__ import annotations

from collections import Counter

import msgspec

CHECKS = ("segments", "lines", "order", "tools", "calls", "rows", "statistics")
"""What is looked at, in the order in which it is told."""

MOST = 100
"""Faults of one kind that are kept; all are counted."""


class Place(msgspec.Struct, frozen=True):
    """A line of a file; ``offset`` in bytes."""

    file: str
    line: int
    offset: int


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong; ``check`` is one of :data:`CHECKS`."""

    check: str
    what: str
    place: Place | None = None
    session: str | None = None


class Faults:
    """Counts all faults and keeps the first of each kind, so that memory has a bound."""

    def __init__(self) -> None:
        self.kept: list[Fault] = []
        self.counts: Counter[str] = Counter()

    def add(
        self, check: str, what: str, place: Place | None = None, session: str | None = None
    ) -> None:
        """Note one more fault."""
        self.counts[check] += 1
        if self.counts[check] <= MOST:
            self.kept.append(Fault(check, what, place, session))
