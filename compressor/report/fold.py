"""The report: what became of all rows, one row after the other. Pure.

Reports can be merged: those of worker processes, and those of a run that was stopped and resumed.
The order of the rows and of the merges makes no difference.
"""

from __future__ import annotations

import zlib
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from compressor.report.histogram import Histogram, bin_of
from compressor.report.outcome import RowOutcome, Status

STATUSES: tuple[Status, ...] = ("unchanged", "compressed", "over_budget", "failed")
POINTS = 1_500
"""Rows that are drawn as points at most: those with the smallest hash of their names."""
WORST = 20
"""Rows that are named at most: the furthest over budget, and as many that failed."""
_TEXT = 200
"""Characters of a row's name and of a reason that are kept."""
_BATCH = 256

_Key = TypeVar("_Key", int, str)


def no_rows() -> dict[str, int]:
    """Every status, with no rows."""
    return dict.fromkeys(STATUSES, 0)


class Point(msgspec.Struct, frozen=True, order=True):
    """A row to draw; the fields in the order that decides which stay."""

    key: int
    before: int
    after: int
    status: Status


class Named(msgspec.Struct, frozen=True, order=True):
    """A row to name: how many tokens it is over its budget, negative to come first."""

    rank: int
    row: str
    before: int
    after: int
    budget: int
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What became of the rows; ``statuses`` has every status, and adds up to ``rows``.

    ``written`` are the rows that were written: more than ``rows`` where some were split. Tokens
    and bins ``after`` are those of the rows written.

    ``over_before`` rows were over their budget, ``brought_in`` of them are not any more. ``edited``
    has how many rows have edits of a kind, ``edits`` how many edits those are. ``budgets`` has the
    rows of each budget by its tokens.
    """

    rows: int = 0
    written: int = 0
    statuses: dict[str, int] = msgspec.field(default_factory=no_rows)
    over_budget: dict[str, int] = {}
    failed: dict[str, int] = {}
    tokens_before: int = 0
    tokens_after: int = 0
    most_before: int = 0
    most_after: int = 0
    over_before: int = 0
    brought_in: int = 0
    assistant_before: int = 0
    assistant_after: int = 0
    edits: dict[str, int] = {}
    edited: dict[str, int] = {}
    cuts: int = 0
    cut_rows: int = 0
    digests: dict[str, int] = {}
    strategies: dict[str, int] = {}
    counters: dict[str, int] = {}
    budgets: dict[int, int] = {}
    inexact: int = 0
    looked_ahead: int = 0
    before: Histogram = {}
    after: Histogram = {}
    points: tuple[Point, ...] = ()
    worst: tuple[Named, ...] = ()
    failures: tuple[Named, ...] = ()
    settings: dict[str, str] = {}


class Fold:
    """Takes in rows as they are done; they are counted some hundred at a time."""

    __slots__ = ("_pending", "_report")

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        """Start with no rows; *settings* are shown with the report."""
        self._report = Report(settings=dict(settings or {}))
        self._pending: list[RowOutcome] = []

    def add(self, outcome: RowOutcome) -> None:
        """Take in one row."""
        self._pending.append(outcome)
        if len(self._pending) >= _BATCH:
            self._report = self.report()
            self._pending = []

    def report(self) -> Report:
        """Give the report of all rows up to now."""
        return merge(self._report, summed(self._pending))


def summed(outcomes: Sequence[RowOutcome]) -> Report:
    """Count *outcomes*; rows that could not be counted have no tokens to add up."""
    counted = [outcome for outcome in outcomes if outcome.before]
    afters = [after for outcome in counted for after in outcome.pieces or (outcome.after,)]
    over = [outcome for outcome in counted if outcome.before > outcome.budget]
    missed = [outcome for outcome in outcomes if outcome.status == "over_budget"]
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    statuses = Tally(outcome.status for outcome in outcomes)
    return Report(
        rows=len(outcomes),
        written=sum(len(outcome.pieces) or 1 for outcome in outcomes),
        statuses={status: statuses[status] for status in STATUSES},
        over_budget=_tally(outcome.reason[:_TEXT] for outcome in missed),
        failed=_tally(outcome.reason[:_TEXT] for outcome in failed),
        tokens_before=sum(outcome.before for outcome in counted),
        tokens_after=sum(afters),
        most_before=max((outcome.before for outcome in counted), default=0),
        most_after=max(afters, default=0),
        over_before=len(over),
        brought_in=sum(outcome.after <= outcome.budget for outcome in over),
        assistant_before=sum(outcome.assistant_before for outcome in counted),
        assistant_after=sum(outcome.assistant_after for outcome in counted),
        edits=_edits(outcomes),
        edited=_tally(kind for outcome in outcomes for kind in outcome.edits),
        cuts=sum(outcome.cuts for outcome in outcomes),
        cut_rows=sum(outcome.cuts > 0 for outcome in outcomes),
        digests=_tally(outcome.digest for outcome in outcomes),
        strategies=_tally(outcome.strategy for outcome in outcomes),
        counters=_tally(outcome.counter for outcome in outcomes),
        budgets=_tally(outcome.budget for outcome in outcomes),
        inexact=sum(not outcome.exact for outcome in outcomes),
        looked_ahead=sum(outcome.looked_ahead for outcome in outcomes),
        before=_tally(bin_of(outcome.before) for outcome in counted),
        after=_tally(map(bin_of, afters)),
        points=_points(map(_point, counted)),
        worst=_named(map(_name, missed)),
        failures=_named(map(_name, failed)),
    )


_SUMS = (
    "rows",
    "written",
    "tokens_before",
    "tokens_after",
    "over_before",
    "brought_in",
    "assistant_before",
    "assistant_after",
    "cuts",
    "cut_rows",
    "inexact",
    "looked_ahead",
)
_TALLIES = (
    "over_budget",
    "failed",
    "edits",
    "edited",
    "digests",
    "strategies",
    "counters",
    "budgets",
    "before",
    "after",
)


def merge(left: Report, right: Report) -> Report:
    """Add two reports of different rows; settings are those of *left* where it has any."""
    sums: dict[str, Any] = {name: getattr(left, name) + getattr(right, name) for name in _SUMS}
    tallies: dict[str, Any] = {
        name: _added(getattr(left, name), getattr(right, name)) for name in _TALLIES
    }
    return Report(
        **sums,
        **tallies,
        statuses={name: left.statuses[name] + right.statuses[name] for name in STATUSES},
        most_before=max(left.most_before, right.most_before),
        most_after=max(left.most_after, right.most_after),
        points=_points((*left.points, *right.points)),
        worst=_named((*left.worst, *right.worst)),
        failures=_named((*left.failures, *right.failures)),
        settings=left.settings or right.settings,
    )


def _added(left: dict[_Key, int], right: dict[_Key, int]) -> dict[_Key, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in sorted({**left, **right})}


def _tally(found: Iterable[_Key]) -> dict[_Key, int]:
    """Count what was *found*, in order."""
    counted = Tally(found)
    return {key: counted[key] for key in sorted(counted)}


def _edits(outcomes: Sequence[RowOutcome]) -> dict[str, int]:
    total: Tally[str] = Tally()
    for outcome in outcomes:
        total.update(outcome.edits)
    return dict(sorted(total.items()))


def _point(outcome: RowOutcome) -> Point:
    key = zlib.crc32(outcome.row.encode("utf-8", "surrogatepass"))
    return Point(key, outcome.before, outcome.after, outcome.status)


def _points(found: Iterable[Point]) -> tuple[Point, ...]:
    return tuple(sorted(found)[:POINTS])


def _name(outcome: RowOutcome) -> Named:
    return Named(
        outcome.budget - outcome.after,
        outcome.row[:_TEXT],
        outcome.before,
        outcome.after,
        outcome.budget,
        outcome.reason[:_TEXT],
    )


def _named(found: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(sorted(found)[:WORST])
