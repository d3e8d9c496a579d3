"""All answers as one table: of text, of Markdown, or as plain values for other programs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from bench.answer import Answer, Figure
from bench.asking import Failure, Said
from compressor.report.words import shown

HEADS = ("bench", "figure", "median", "low .. high", "budget", "used", "")
_WIDTHS = (9, 58, 15, 21, 11, 6, 0)
RIGHT = frozenset({2, 4, 5})
"""The columns of numbers."""

_CHECKS = 12
"""So many of an answer's checks are printed in the table; the page and JSON have all."""

_SMALL = "Sizes are too small with --quick for budgets to be judged"


class Row(msgspec.Struct, frozen=True):
    """A line of the table; ``used`` is the part of the budget that is used."""

    bench: str
    figure: str
    median: str = ""
    spread: str = ""
    budget: str = ""
    used: str = ""
    verdict: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the columns, from left to right."""
        return msgspec.structs.astuple(self)


class Verdict(msgspec.Struct, frozen=True):
    """What all answers come to; figures and questions by their names."""

    budgets: int
    missed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]


def rows(said: Said) -> tuple[Row, ...]:
    """Give the lines of one answer: what has a budget, what failed and what was skipped first."""
    if isinstance(said, Failure):
        return (Row(said.bench, _last_line(said.error), verdict="failed"),)
    if said.skipped:
        return (Row(said.bench, shown(said.skipped), verdict="skipped"),)
    ordered = sorted(said.figures, key=lambda figure: figure.budget is None)
    return tuple(_row(said.bench, figure) for figure in ordered)


def number(value: float) -> str:
    """Write *value* with three digits, or all that stand before the point."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if not size:
        return "0"
    if size >= 100:
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}" if size >= 0.01 else f"{value:.2g}"


def measure(figure: Figure) -> str:
    """Write the median of *figure* with its unit."""
    return f"{number(figure.median)} {shown(figure.unit)}".rstrip()


def budget_of(figure: Figure) -> str:
    """Write what *figure* may be at most or must be at least, if anything."""
    if figure.budget is None:
        return ""
    return f"{'>=' if figure.floor else '<='} {number(figure.budget)}"


def checks(answer: Answer) -> list[str]:
    """Write down one by one what shows that the figures mean something."""
    return [f"{shown(name)} {value}" for name, value in _flat(answer.checks)]


def machine(said: Iterable[Said]) -> str:
    """Write on a line where the answers were found."""
    first = next((one for one in said if isinstance(one, Answer)), None)
    if first is None:
        return ""
    told = {**first.machine, **first.versions}
    return ", ".join(f"{shown(name)} {shown(str(value))}" for name, value in told.items())


def judged(said: Sequence[Said]) -> Verdict:
    """Count what was met, missed and failed."""
    answers = [one for one in said if isinstance(one, Answer)]
    budgeted = [
        (one.bench, figure)
        for one in answers
        for figure in one.figures
        if figure.passed is not None
    ]
    return Verdict(
        budgets=len(budgeted),
        missed=tuple(f"{bench}: {figure.name}" for bench, figure in budgeted if not figure.passed),
        failed=tuple(one.bench for one in said if isinstance(one, Failure)),
        skipped=tuple(one.bench for one in answers if one.skipped),
    )


def exit_code(verdict: Verdict, *, quick: bool) -> int:
    """Give 1 where a question failed, or a budget is missed by sizes that count; else 0."""
    return int(bool(verdict.failed or (verdict.missed and not quick)))


def sentence(verdict: Verdict, *, quick: bool) -> str:
    """Say what all answers come to."""
    parts = [f"{verdict.budgets - len(verdict.missed)} of {verdict.budgets} budgets are met"]
    if verdict.missed:
        parts.append("Missed: " + shown("; ".join(verdict.missed)))
    if verdict.failed:
        parts.append("Failed: " + ", ".join(verdict.failed))
    if verdict.skipped:
        parts.append("Skipped: " + ", ".join(verdict.skipped))
    return ". ".join([*parts, _SMALL] if quick else parts) + "."


def text(said: Said) -> Iterator[str]:
    """Give the lines of one answer as they are printed."""
    yield from (_laid_out(row.cells) for row in rows(said))
    if isinstance(said, Answer) and (found := checks(said)):
        more = f", and {len(found) - _CHECKS} more" if len(found) > _CHECKS else ""
        yield f"{'':{_WIDTHS[0]}} ({', '.join(found[:_CHECKS])}{more})"


def text_head() -> str:
    """Give the line above all answers."""
    return _laid_out(HEADS)


def markdown(said: Sequence[Said]) -> Iterator[str]:
    """Give a table of Markdown with what is judged, and one below it with all other figures."""
    found = [row for one in said for row in rows(one)]
    yield from _piped_table(row for row in found if row.verdict)
    yield from ("", "<details><summary>All other figures</summary>", "")
    yield from _piped_table(row for row in found if not row.verdict)
    yield from ("", "</details>")


def document(said: Sequence[Said], *, quick: bool) -> dict[str, Any]:
    """Give all answers and what they come to as plain values."""
    verdict = judged(said)
    return {
        "quick": quick,
        "budgets": verdict.budgets,
        "missed": list(verdict.missed),
        "skipped": list(verdict.skipped),
        "answers": [_as_dict(one) for one in said if isinstance(one, Answer)],
        "failures": [msgspec.to_builtins(one) for one in said if isinstance(one, Failure)],
    }


def _row(bench: str, figure: Figure) -> Row:
    return Row(
        bench=bench,
        figure=shown(figure.name),
        median=measure(figure),
        spread=f"{number(figure.low)} .. {number(figure.high)}",
        budget=budget_of(figure),
        used="" if figure.ratio is None else number(figure.ratio),
        verdict={None: "", True: "pass", False: "miss"}[figure.passed],
    )


def _as_dict(answer: Answer) -> dict[str, Any]:
    figures = [
        {**msgspec.to_builtins(figure), "ratio": figure.ratio, "passed": figure.passed}
        for figure in answer.figures
    ]
    return {**msgspec.to_builtins(answer), "figures": figures}


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", value)
            yield from ((f"{name}.{below}", said) for below, said in _flat(inner))
        else:
            yield name, number(value) if isinstance(value, float) else shown(str(value))


def _laid_out(cells: Sequence[str]) -> str:
    pairs = enumerate(zip(cells, _WIDTHS, strict=True))
    parts = (f"{cell:>{wide}}" if at in RIGHT else f"{cell:<{wide}}" for at, (cell, wide) in pairs)
    return " ".join(parts).rstrip()


def _piped_table(found: Iterable[Row]) -> Iterator[str]:
    yield _piped(HEADS)
    yield _piped(["---:" if at in RIGHT else "---" for at in range(len(HEADS))])
    yield from (_piped(row.cells) for row in found)


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _last_line(error: str) -> str:
    lines = error.strip().splitlines()
    return shown(lines[-1]) if lines else "it failed without a word"
