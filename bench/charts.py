"""The pictures of the report, as SVG: bars, and lines over a scale. Pure.

What is drawn comes from benchmarks, and still all text goes through :func:`safe`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from bench.answer import Curve, Figure
from bench.axes import Axis, fitting, linear, short
from bench.table import budget_of, measure, number
from compressor.report.words import shown

COLOURS = 8
"""How many lines of one picture look different."""

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 34, 44
_BAR_LEFT, _BAR_RIGHT, _BAR_STEP = 8, 190, 40
_MOST_USED = 2.0
"""Where the scale of budgets ends; what uses more of its own is cut there."""


def safe(text: str) -> str:
    """Write *text* so that it is text in HTML and SVG, in an attribute as well."""
    return html.escape(shown(text))


def budgets(figures: Sequence[tuple[str, Figure]]) -> str:
    """Draw how much of its budget each figure uses; all have a budget, the label is their bench."""
    least, most = 0.0, _MOST_USED
    across = linear(least, most, _BAR_LEFT, _WIDTH - _BAR_RIGHT)
    height = _bars_height(len(figures))
    parts = [_grid_down(tick, across, height, short(tick)) for tick in across.ticks]
    for at, (bench, figure) in enumerate(figures):
        used = figure.ratio or 0.0
        said = f"{measure(figure)}, {budget_of(figure)}" + " \u2192" * (used > most)
        kind = "kept" if figure.passed else "missed"
        parts += _bar(at, (0.0, used), across, f"{bench}: {figure.name}", (kind, said))
    limit = across.at(1.0)
    parts.append(_line("budget", (limit, _TOP - 10), (limit, height - _BOTTOM)))
    return _svg((_WIDTH, height), "The part of its budget that each figure uses", parts)


def bars(unit: str, figures: Sequence[Figure]) -> str:
    """Draw figures of one *unit*, each from nothing to its median, with its lowest and highest."""
    values = [value for figure in figures for value in (figure.low, figure.high)]
    across = fitting(values, _BAR_LEFT, _WIDTH - _BAR_RIGHT)
    height = _bars_height(len(figures))
    parts = [_grid_down(tick, across, height, short(tick)) for tick in across.ticks]
    for at, figure in enumerate(figures):
        said = measure(figure)
        start = across.low if across.is_log else 0.0
        parts += _bar(at, (start, figure.median), across, figure.name, ("plain", said))
        y = _bar_top(at) + 7
        parts.append(_line("spread", (across.at(figure.low), y), (across.at(figure.high), y)))
    return _svg((_WIDTH, height), f"Figures in {unit}", parts)


def lines(curves: Sequence[Curve]) -> str:
    """Draw curves over the axes that they share; there are points to draw."""
    points = [point for curve in curves for point in curve.points]
    across = fitting([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = fitting([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    x, y = curves[0].x, curves[0].y
    parts = [
        *(_grid_down(tick, across, _HEIGHT, short(tick)) for tick in across.ticks),
        *(_grid_across(tick, up) for tick in up.ticks),
        *(_curve(at, curve, across, up) for at, curve in enumerate(curves)),
        _text((_LEFT, 14), f"{y}{_scale_word(up)}", "start"),
        _text(((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6), f"{x}{_scale_word(across)}"),
    ]
    return _svg((_WIDTH, _HEIGHT), f"{y} over {x}", parts)


def legend(curves: Sequence[Curve]) -> str:
    """Name the lines of a picture, in their colours."""
    said = (
        f'<span class="key c{at % COLOURS}">&#9679; {safe(curve.name)}</span>'
        for at, curve in enumerate(curves)
    )
    return f"<p>{' '.join(said)}</p>"


def _curve(at: int, curve: Curve, across: Axis, up: Axis) -> str:
    ordered = sorted(curve.points)
    places = [(across.at(x), up.at(y)) for x, y in ordered]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{safe(curve.name)}: '
        f"{safe(curve.x)} {point[0]:,g}, {safe(curve.y)} {number(point[1])}</title></circle>"
        for point, (x, y) in zip(ordered, places, strict=True)
    )
    return f'<g class="c{at % COLOURS}"><polyline points="{joined}"/>{"".join(dots)}</g>'


def _bar(
    at: int, reach: tuple[float, float], across: Axis, label: str, said: tuple[str, str]
) -> Iterable[str]:
    """Draw a bar under its label, and what is said beside it; the first of *said* is its kind."""
    kind, words = said
    top, left, right = _bar_top(at), across.at(reach[0]), across.at(reach[1])
    yield _text((_BAR_LEFT, top - 5), label, "start")
    yield (
        f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{max(right - left, 1):.1f}" '
        f'height="14"><title>{safe(label)}: {safe(words)}</title></rect>'
    )
    yield _text((_WIDTH - _BAR_RIGHT + 8, top + 11), words, "start")


def _bars_height(count: int) -> int:
    return _TOP + count * _BAR_STEP + _BOTTOM


def _bar_top(at: int) -> int:
    return _TOP + at * _BAR_STEP + 16


def _grid_down(value: float, across: Axis, height: int, said: str) -> str:
    x, bottom = across.at(value), height - _BOTTOM
    return _line("grid", (x, _TOP - 10), (x, bottom)) + _text((x, bottom + 16), said)


def _grid_across(value: float, up: Axis) -> str:
    y = up.at(value)
    grid = _line("grid", (_LEFT, y), (_WIDTH - _RIGHT, y))
    return grid + _text((_LEFT - 6, y + 4), short(value), "end")


def _scale_word(axis: Axis) -> str:
    return " (logarithmic)" if axis.is_log else ""


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(where: tuple[float, float], said: str, anchor: str = "middle") -> str:
    x, y = where
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{safe(said)}</text>'


def _svg(size: tuple[int, int], title: str, parts: Sequence[str]) -> str:
    """Put *parts* into a picture of its own *size* that becomes narrower with the page."""
    drawn = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" role="img" '
        f'aria-label="{safe(title)}">\n{drawn}\n</svg>'
    )
