"""Histograms of tokens in bins that never change, so that those of two runs can be added. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import TypeAlias

import msgspec

Histogram: TypeAlias = dict[int, int]
"""How many rows there are in each bin that has any."""

_STEPS = 4

BOUNDS = (0, *(round(2 ** (step / _STEPS)) for step in range(4 * _STEPS, 24 * _STEPS + 1)))
"""Where the bins begin, in tokens: 0, 16, 19, 23, 27, 32, ...; four for each doubling."""


class Bar(msgspec.Struct, frozen=True):
    """One bin: from *low* to below *high* tokens, and its rows before and after."""

    low: int
    high: int | None
    before: int
    after: int


def bin_of(tokens: int) -> int:
    """Find the bin of a row of *tokens*."""
    return bisect_right(BOUNDS, max(tokens, 0)) - 1


def bars(before: Histogram, after: Histogram, width: int = 1) -> tuple[Bar, ...]:
    """Lay two histograms side by side, *width* bins as one, empty ones between them as well."""
    used = {at // width for at in before.keys() | after.keys()}
    if not used:
        return ()
    return tuple(_bar(before, after, at * width, width) for at in range(min(used), max(used) + 1))


def _bar(before: Histogram, after: Histogram, first: int, width: int) -> Bar:
    bins = range(first, first + width)
    end = first + width
    return Bar(
        low=BOUNDS[first],
        high=BOUNDS[end] if end < len(BOUNDS) else None,
        before=sum(before.get(at, 0) for at in bins),
        after=sum(after.get(at, 0) for at in bins),
    )
