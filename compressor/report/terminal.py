"""A report in a terminal: statuses, facts, and rows by their tokens before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from compressor.report.fold import Report
from compressor.report.histogram import Bar, bars
from compressor.report.words import Line, facts, short, table

if TYPE_CHECKING:
    from rich.console import Console

_DOUBLING = 4
_MOST_BARS = 14
_LEAST_WIDTH, _MOST_WIDTH = 40, 100
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BLOCKS = str.maketrans(dict.fromkeys(_EIGHTHS[1:], "#"))


class Said(msgspec.Struct, frozen=True):
    """A line to print, and how."""

    text: str
    style: str = ""


def show(report: Report, console: Console) -> None:
    """Print *report* on *console*; nothing in it is taken for markup."""
    for said in lines(report, console.width):
        text = _in_ascii(said.text) if console.options.ascii_only else said.text
        console.print(text, style=said.style, markup=False, highlight=False, soft_wrap=True)


def lines(report: Report, width: int) -> tuple[Said, ...]:
    """Write *report* down in lines, the histograms not wider than *width* signs."""
    said = [Said(_table_line(line), _style(line)) for line in table(report)]
    if not report.rows:
        return tuple(said)
    said.append(Said(""))
    said += [Said(f"{label:<16} {text}") for label, text in facts(report)]
    return (*said, *_histogram(report, min(max(width, _LEAST_WIDTH), _MOST_WIDTH)))


def _in_ascii(text: str) -> str:
    """Write *text* for a terminal that can show nothing else."""
    return text.translate(_BLOCKS).encode("ascii", "replace").decode()


def _table_line(line: Line) -> str:
    if line.why:
        return f"  {line.rows:>12,}  {line.why}"
    return f"{line.label:<12} {line.rows:>12,} {line.share:>8}"


def _style(line: Line) -> str:
    if line.label == "rows in":
        return "bold"
    bad = line.label in ("over budget", "failed") and line.rows
    return "yellow" if bad else "dim" if line.why else ""


def _histogram(report: Report, width: int) -> list[Said]:
    """Draw a pair of bars a line; the bin of the budget is marked."""
    drawn = bars(report.before, report.after, _DOUBLING // 2)
    if len(drawn) > _MOST_BARS:
        drawn = bars(report.before, report.after, _DOUBLING)
    if not drawn:
        return []
    counted = sum(bar.before for bar in drawn)
    room = (width - 14) // 2 - 8
    most = max(max(bar.before, bar.after) for bar in drawn)
    side = room + 8
    head = f"{'tokens':>8}   {'before':<{side}}{'after'}"
    rows = [Said(_bar_line(bar, report, room, most)) for bar in drawn]
    note = f"{counted:,} rows counted; <- marks the budget" if report.budgets else ""
    return [Said(""), Said(head, "bold"), *rows, Said(note, "dim")]


def _bar_line(bar: Bar, report: Report, room: int, most: int) -> str:
    """Draw the bins of one line: from so many tokens on, both bars with their rows."""
    end = bar.high
    here = any(bar.low <= budget and (end is None or budget < end) for budget in report.budgets)
    before = _bar(bar.before, room, most)
    after = _bar(bar.after, room, most)
    mark = " <-" if here else ""
    return f"{short(bar.low):>8} | {before}{after}{mark}".rstrip()


def _bar(rows: int, room: int, most: int) -> str:
    """Draw *rows* as a bar with their number behind it, in *room* and eight signs more."""
    eighths = max(round(8 * room * rows / most), 1) if rows else 0
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[part] if part else "")
    number = f" {rows:,}" if rows else ""
    return f"{drawn}{number}".ljust(room + 8)
