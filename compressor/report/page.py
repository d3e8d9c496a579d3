"""A report as one page of HTML that needs nothing else: no network, no script. Pure.

Names of rows, reasons and settings come from outside: all text goes through :func:`_safe`, and the
page forbids its browser to load or to run anything.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from compressor.report import drawing
from compressor.report.fold import Named, Report
from compressor.report.words import LABELS, Line, facts, shown, table

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #fff; --rule: #d8dde4;
  --bar: #3b6fb6; --unchanged: #6b7785; --compressed: #2f7fc1; --over_budget: #b45f06;
  --failed: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #a3adba; --paper: #14181e; --rule: #353c46; --bar: #6f9fe0;
    --unchanged: #9aa5b2; --compressed: #64aee8; --over_budget: #f0a04b; --failed: #ff8a80; }
}
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.why td { color: var(--soft); } tr.sum td { font-weight: 600; }
.wide { overflow-x: auto; } .note, text { color: var(--soft); fill: var(--soft); }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
svg { max-width: 100%; height: auto; } svg text { font-size: 12px; }
rect { fill: var(--bar); } line.axis { stroke: var(--rule); }
line.even { stroke: var(--rule); stroke-dasharray: 4 4; }
line.budget { stroke: var(--failed); stroke-dasharray: 6 3; }
circle { fill-opacity: .55; }
""" + "\n".join(
    f".{status} {{ fill: var(--{status}); color: var(--{status}); }}" for status in LABELS
)

_FORBIDDEN = "default-src 'none'; style-src 'unsafe-inline'"


def as_html(report: Report, title: str = "Compression report") -> str:
    """Give *report* as a page; it can be encoded as UTF-8, whatever rows are called."""
    said = _safe(title)
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_FORBIDDEN}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{said}</title>",
        f"<style>{STYLE}</style></head>",
        f"<body><main><h1>{said}</h1>",
        *_body(report),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _body(report: Report) -> Iterable[str]:
    yield from _table((), map(_status_row, table(report)))
    if report.rows:
        yield from _section("What came of it", _pairs(facts(report)))
    if report.before:
        yield from _section("Rows by their tokens", _pictures(report))
        yield from _section("Each row", _points(report))
    if report.worst:
        yield from _section("Furthest over the budget", _named(report.worst))
    if report.failures:
        yield from _section("Rows that failed", _named(report.failures))
    if report.settings:
        yield from _section("Settings", _pairs(tuple(report.settings.items())))


def _section(title: str, inside: Iterable[str]) -> Iterable[str]:
    return ("<section>", f"<h2>{title}</h2>", *inside, "</section>")


def _status_row(line: Line) -> str:
    kind = "why" if line.why else "sum" if line.label == "rows in" else ""
    return (
        f'<tr class="{kind}"><td>{_safe(line.label)}</td><td class="number">{line.rows:,}</td>'
        f'<td class="number">{_safe(line.share)}</td><td>{_safe(line.why)}</td></tr>'
    )


def _pairs(pairs: tuple[tuple[str, str], ...]) -> Iterable[str]:
    rows = (f"<tr><th>{_safe(label)}</th><td>{_safe(said)}</td></tr>" for label, said in pairs)
    return _table((), rows)


def _pictures(report: Report) -> Iterable[str]:
    pictures = (drawing.histogram(report, "before"), drawing.histogram(report, "after"))
    note = '<p class="note">The dashed line is the budget. Both pictures have the same scales.</p>'
    return ('<div class="pictures">', *pictures, "</div>", note)


def _points(report: Report) -> Iterable[str]:
    counted = sum(report.before.values())
    legend = " ".join(
        f'<span class="{status}">&#9679; {label}</span>' for status, label in LABELS.items()
    )
    drawn = f"{len(report.points):,} of {counted:,} rows"
    note = f'<p class="note">{drawn}. Below the slanted line a row is shorter than it was.</p>'
    return (drawing.scatter(report), f"<p>{legend}</p>", note)


def _named(rows: tuple[Named, ...]) -> Iterable[str]:
    return _table(
        ("row", "before", "after", "budget", "reason"),
        (
            f'<tr><td>{_safe(row.row)}</td><td class="number">{row.before:,}</td>'
            f'<td class="number">{row.after:,}</td><td class="number">{row.budget:,}</td>'
            f"<td>{_safe(row.reason)}</td></tr>"
            for row in rows
        ),
    )


def _table(heads: tuple[str, ...], rows: Iterable[str]) -> Iterable[str]:
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        '<div class="wide"><table>',
        f"<thead><tr>{head}</tr></thead>" if head else "",
        "<tbody>",
        *rows,
        "</tbody></table></div>",
    )


def _safe(text: str) -> str:
    """Write *text* so that it is text in HTML, in an attribute as well, and can be encoded."""
    return html.escape(shown(text))
