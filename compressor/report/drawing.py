"""The pictures of the page, as SVG: histograms and a scatter plot on logarithmic scales. Pure.

Nothing of a row but its numbers and its status is drawn. A report that is drawn has rows that were
counted.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from compressor.report.fold import Point, Report
from compressor.report.histogram import Bar, bars
from compressor.report.words import LABELS, short

WIDTH, HEIGHT, SIDE = 640, 280, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 16, 40


class Scale(msgspec.Struct, frozen=True):
    """Tokens on a logarithmic scale, from *low* to *high* on the paper from *start* to *end*."""

    low: float
    high: float
    start: float
    end: float

    def at(self, tokens: float) -> float:
        """Where *tokens* are; what is beyond the scale is at its end."""
        along = (math.log2(max(tokens, 1)) - self.low) / (self.high - self.low)
        return self.start + min(max(along, 0), 1) * (self.end - self.start)


def histogram(report: Report, which: Literal["before", "after"]) -> str:
    """Draw the rows by their tokens; both pictures of a report have the same scales."""
    drawn = bars(report.before, report.after)
    last = drawn[-1]
    high = math.log2(last.high or 2 * last.low)
    across = Scale(math.log2(max(drawn[0].low, 1)), high, _LEFT, WIDTH - _RIGHT)
    most = max(max(bar.before, bar.after) for bar in drawn)
    rows = [(bar, bar.before if which == "before" else bar.after) for bar in drawn]
    return _svg(
        (WIDTH, HEIGHT),
        f"Rows by their tokens {which}",
        [
            *(_column(bar, count, most, across) for bar, count in rows if count),
            _line("axis", (_LEFT, HEIGHT - _BOTTOM), (WIDTH - _RIGHT, HEIGHT - _BOTTOM)),
            _text((_LEFT - 6, _TOP + 5), f"{most:,}", "end"),
            _text((_LEFT - 6, HEIGHT - _BOTTOM), "0", "end"),
            *(_text((across.at(at), HEIGHT - _BOTTOM + 16), short(at)) for at in _ticks(across)),
            *(
                _line("budget", (across.at(budget), _TOP), (across.at(budget), HEIGHT - _BOTTOM))
                for budget in report.budgets
            ),
            _text((WIDTH / 2, HEIGHT - 6), f"tokens of a row, {which}"),
        ],
    )


def scatter(report: Report) -> str:
    """Draw a point for each row: its tokens before to the right, those after upwards."""
    tokens = [at for point in report.points for at in (point.before, point.after)]
    low = math.floor(math.log2(max(min(tokens), 1)))
    high = math.floor(math.log2(max(*tokens, 1))) + 1
    across = Scale(low, high, _LEFT, SIDE - _RIGHT)
    up = Scale(low, high, SIDE - _BOTTOM, _TOP)
    return _svg(
        (SIDE, SIDE),
        "Tokens of each row before and after",
        [
            _line("even", (_LEFT, SIDE - _BOTTOM), (SIDE - _RIGHT, _TOP)),
            _line("axis", (_LEFT, SIDE - _BOTTOM), (SIDE - _RIGHT, SIDE - _BOTTOM)),
            _line("axis", (_LEFT, SIDE - _BOTTOM), (_LEFT, _TOP)),
            *(
                _line("budget", (_LEFT, up.at(budget)), (SIDE - _RIGHT, up.at(budget)))
                for budget in report.budgets
            ),
            *(_text((across.at(at), SIDE - _BOTTOM + 16), short(at)) for at in _ticks(across)),
            *(_text((_LEFT - 6, up.at(at) + 4), short(at), "end") for at in _ticks(up)),
            *(_dot(point, across, up) for point in report.points),
            _text((SIDE / 2, SIDE - 6), "tokens before; upwards, tokens after"),
        ],
    )


def _ticks(scale: Scale) -> list[int]:
    """Choose at most eight round numbers on *scale*: doublings of 1,000, or of one."""
    first, last = math.ceil(scale.low - 0.01), math.floor(scale.high + 0.01)
    powers = range(first, last + 1, max((last - first) // 7 + 1, 1))
    return [2**power if power < 10 else 1_000 * 2 ** (power - 10) for power in powers]


def _column(bar: Bar, count: int, most: int, across: Scale) -> str:
    left = across.at(bar.low)
    right = across.at(bar.high or 2 * bar.low)
    height = max((HEIGHT - _TOP - _BOTTOM) * count / most, 1)
    top = HEIGHT - _BOTTOM - height
    end = f"below {bar.high:,}" if bar.high else "more"
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 1):.1f}" '
        f'height="{height:.1f}"><title>{bar.low:,} to {end}: {count:,} rows</title></rect>'
    )


def _dot(point: Point, across: Scale, up: Scale) -> str:
    where = f'cx="{across.at(point.before):.1f}" cy="{up.at(point.after):.1f}"'
    said = f"{point.before:,} to {point.after:,} tokens, {LABELS[point.status]}"
    return f'<circle class="{point.status}" {where} r="3"><title>{said}</title></circle>'


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(where: tuple[float, float], said: str, anchor: str = "middle") -> str:
    return f'<text x="{where[0]:.1f}" y="{where[1]:.1f}" text-anchor="{anchor}">{said}</text>'


def _svg(size: tuple[int, int], title: str, parts: list[str]) -> str:
    """Put *parts* into a picture of its own *size* that becomes narrower with the page."""
    drawn = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" role="img" '
        f'aria-label="{title}">\n{drawn}\n</svg>'
    )
