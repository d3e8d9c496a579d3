"""What a benchmark says: figures with their spread and budget, and the machine they were taken on.

Each file of this folder is one question and prints one such answer as a JSON line;
``python -m bench`` asks them all.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any

import msgspec

LIBRARIES = ("aiofiles", "aiohttp", "anyio", "msgspec", "openai")
"""Packages whose versions matter to what is measured."""


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number: the median of its repeats, the lowest and the highest of them, in ``unit``.

    ``budget`` is what the median may be at most, or with ``floor`` must be at least.
    """

    name: str
    unit: str
    median: float
    low: float
    high: float
    budget: float | None = None
    floor: bool = False

    @property
    def ratio(self) -> float | None:
        """How much of the budget is used: up to 1 is within it, whichever way it points."""
        if self.budget is None:
            return None
        used, given = (self.budget, self.median) if self.floor else (self.median, self.budget)
        if not given:
            return float("inf") if used > 0 else 0.0
        return used / given

    @property
    def passed(self) -> bool | None:
        """Whether it keeps its budget, where it has one."""
        return None if self.ratio is None else self.ratio <= 1


class Curve(msgspec.Struct, frozen=True):
    """Points ``(x, y)`` to be drawn as a line, and what the axes are."""

    name: str
    x: str
    y: str
    points: tuple[tuple[float, float], ...]


class Answer(msgspec.Struct, frozen=True):
    """What one benchmark found.

    ``inputs`` are the sizes that were asked for, ``checks`` other numbers that show the figures to
    mean something, as how busy the server was. ``skipped`` is why nothing could be measured here.
    """

    bench: str
    repeats: int
    inputs: Mapping[str, Any]
    figures: tuple[Figure, ...]
    curves: tuple[Curve, ...] = ()
    checks: Mapping[str, Any] = {}
    versions: Mapping[str, str] = {}
    machine: Mapping[str, Any] = {}
    skipped: str = ""


def at_most(name: str, unit: str, values: Sequence[float], budget: float | None = None) -> Figure:
    """Make a figure of *values*, one a repeat, whose median is to be *budget* at most."""
    return Figure(name, unit, *_spread(values), budget)


def at_least(name: str, unit: str, values: Sequence[float], budget: float) -> Figure:
    """Make a figure of *values*, one a repeat, whose median is to be *budget* at least."""
    return Figure(name, unit, *_spread(values), budget, floor=True)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide what was measured side by side, repeat by repeat."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def tell(answer: Answer) -> None:
    """Print *answer* as one JSON line, with the versions and the machine."""
    told = msgspec.structs.replace(answer, versions=_versions(), machine=_machine())
    print(msgspec.json.encode(told).decode(), flush=True)


def arguments(doc: str | None, repeats: int) -> argparse.ArgumentParser:
    """Make a parser with what all benchmarks take: ``--repeats`` and ``--quick``.

    Args:
        doc: the module's docstring.
        repeats: how often everything is measured by default.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read what was typed; ``--quick`` measures everything twice at most."""
    asked = parser.parse_args()
    if asked.repeats < 1:
        parser.error("--repeats takes 1 or more")
    asked.repeats = min(2, asked.repeats) if asked.quick else asked.repeats
    return asked


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return median(values), min(values), max(values)


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
