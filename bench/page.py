"""All answers as one page with pictures that needs nothing else: no network, no script. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from bench import charts, table
from bench.answer import Answer, Curve, Figure
from bench.asking import Failure, Said
from bench.charts import safe
from compressor.report.page import STYLE

_LIGHT = ("#2f7fc1", "#b45f06", "#2e7d4f", "#8e44ad", "#b3261e", "#00838f", "#7a6a00", "#6b7785")
_DARK = ("#64aee8", "#f0a04b", "#6cc492", "#c58be0", "#ff8a80", "#4dc3d0", "#d6c14a", "#9aa5b2")
_SPREAD = table.HEADS.index("low .. high")
_FORBIDDEN = "default-src 'none'; style-src 'unsafe-inline'"


def _colours(colours: Sequence[str]) -> str:
    return " ".join(
        f".c{at} {{ color: {colour}; fill: {colour}; stroke: {colour}; }}"
        for at, colour in enumerate(colours)
    )


_OWN = f"""
{_colours(_LIGHT)}
@media (prefers-color-scheme: dark) {{ {_colours(_DARK)} }}
line.grid {{ stroke: var(--rule); }} line.spread {{ stroke: var(--ink); stroke-width: 2; }}
rect.kept {{ fill: var(--compressed); }} rect.missed {{ fill: var(--failed); }}
polyline {{ fill: none; stroke-width: 2; }} circle {{ fill-opacity: 1; }}
span.key {{ margin-right: 1rem; }} td.miss, td.failed {{ color: var(--failed); }}
pre {{ overflow-x: auto; }} td.whole {{ white-space: nowrap; }}
"""


def as_html(said: Sequence[Said], sentence: str, title: str = "Benchmarks") -> str:
    """Give the page; it is well-formed XML as well.

    Args:
        said: the answers, and what failed.
        sentence: what they come to.
        title: what stands above.
    """
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{_FORBIDDEN}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{safe(title)}</title>",
        f"<style>{STYLE}{_OWN}</style></head>",
        f"<body><main><h1>{safe(title)}</h1>",
        f"<p>{safe(sentence)}</p>",
        f'<p class="note">{safe(table.machine(said))}</p>',
        *_judged(said),
        *_budgets(said),
        *(part for one in said for part in _section(one)),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _judged(said: Sequence[Said]) -> Iterator[str]:
    """Lay out what has a budget, failed or was skipped."""
    return _table(row for one in said for row in table.rows(one) if row.verdict)


def _table(rows: Iterable[table.Row]) -> Iterator[str]:
    heads = "".join(f"<th>{safe(head)}</th>" for head in table.HEADS)
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    yield from (f"<tr>{''.join(_cells(row))}</tr>" for row in rows)
    yield "</tbody></table></div>"


def _cells(row: table.Row) -> Iterator[str]:
    *words, verdict = row.cells
    for at, cell in enumerate(words):
        kind = "number" if at in table.RIGHT else "whole" if at == _SPREAD else "text"
        yield f'<td class="{kind}">{safe(cell)}</td>'
    yield f'<td class="whole {safe(verdict)}">{safe(verdict)}</td>'


def _budgets(said: Sequence[Said]) -> Iterator[str]:
    found = [
        (one.bench, figure)
        for one in said
        if isinstance(one, Answer)
        for figure in one.figures
        if figure.budget is not None
    ]
    if found:
        yield "<h2>How much of each budget is used</h2>"
        yield charts.budgets(found)
        yield '<p class="note">The dashed line is the budget; a bar may reach it.</p>'


def _section(one: Said) -> Iterator[str]:
    yield f"<section><h2>{safe(one.bench)}</h2>"
    if isinstance(one, Failure):
        yield f"<pre>{_safe_lines(one.error)}</pre>"
    elif one.skipped:
        yield f"<p>{safe(one.skipped)}</p>"
    else:
        yield f'<p class="note">{safe(_inputs(one))}</p>'
        yield from _lines(one.curves)
        yield from _bars(one.figures)
        yield from _table(table.rows(one))
        if found := table.checks(one):
            yield f'<p class="note">Checks: {safe(", ".join(found))}</p>'
    yield "</section>"


def _inputs(answer: Answer) -> str:
    given = (f"{name} {value}" for name, value in answer.inputs.items())
    return ", ".join((f"{answer.repeats} repeats", *given))


def _lines(curves: Iterable[Curve]) -> Iterator[str]:
    """Draw curves that share their axes together."""
    together: dict[tuple[str, str], list[Curve]] = {}
    for curve in filter(_is_drawn, curves):
        together.setdefault((curve.x, curve.y), []).append(curve)
    for group in together.values():
        yield charts.lines(group)
        yield charts.legend(group)


def _is_drawn(curve: Curve) -> bool:
    return bool(curve.points) and all(math.isfinite(at) for point in curve.points for at in point)


def _bars(figures: Iterable[Figure]) -> Iterator[str]:
    """Draw figures of one unit together; those with a budget stand above all answers."""
    together: dict[str, list[Figure]] = {}
    for figure in figures:
        if figure.budget is None and math.isfinite(figure.high):
            together.setdefault(figure.unit, []).append(figure)
    yield from (charts.bars(unit, group) for unit, group in together.items())


def _safe_lines(text: str) -> str:
    return "\n".join(safe(line) for line in text.splitlines())
