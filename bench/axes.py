"""Scales for pictures, with round numbers along them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_STEPS = (1, 2, 5)
_TICKS = 6
_WIDE = 20.0
"""Values that differ by such a factor are drawn on a logarithmic scale, unless one is zero."""

_FEW = 3
"""Over more powers of ten than these, only they are ticks."""


class Axis(msgspec.Struct, frozen=True):
    """Values from *low* to *high*, drawn from *start* to *end* of the paper."""

    low: float
    high: float
    ticks: tuple[float, ...]
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where *value* is drawn; what is beyond the scale is at its end."""
        low, high, where = (self._bent(each) for each in (self.low, self.high, value))
        along = (where - low) / (high - low)
        return self.start + min(max(along, 0.0), 1.0) * (self.end - self.start)

    def _bent(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.is_log else value


def fitting(values: Sequence[float], start: float, end: float) -> Axis:
    """Make the scale that shows *values* best; there is at least one of them."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= _WIDE:
        return logarithmic(low, high, start, end)
    return linear(min(low, 0.0), high, start, end)


def linear(low: float, high: float, start: float, end: float) -> Axis:
    """Make a scale of even steps that has *low* and *high* on it."""
    span = (high - low) or abs(high) or 1.0
    step = _round_up(span / _TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(at * step, 12) for at in range(first, max(last, first + 1) + 1))
    return Axis(ticks[0], ticks[-1], ticks, start, end)


def logarithmic(low: float, high: float, start: float, end: float) -> Axis:
    """Make a scale of even factors that has *low* and *high* on it; both are above zero."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    steps = [step * 10.0**power for power in range(first, last + 1) for step in _STEPS]
    below = max(at for at in steps if at <= low * (1 + 1e-9))
    above = min(at for at in steps if at >= high * (1 - 1e-9) and at > below)
    every = _STEPS if last - first <= _FEW else _STEPS[:1]
    named = (step * 10.0**power for power in range(first, last + 1) for step in every)
    ticks = tuple(at for at in named if below <= at <= above)
    return Axis(below, above, ticks, start, end, is_log=True)


def short(value: float) -> str:
    """Write a tick in few signs: 0.05, 250, 1.5k, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (*_STEPS, 10) if step * power >= value * (1 - 1e-9))
