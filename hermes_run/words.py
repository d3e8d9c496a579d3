"""Numbers, times and foreign text as people read them. Pure."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Iterable

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def clean(text: str, most: int = 200) -> str:
    """Make text of a model, a tool or a server harmless on a terminal: one line, no controls.

    Args:
        text: what came.
        most: how many characters are kept.
    """
    cut = text[: most + 1]
    shown = "".join(" " if unicodedata.category(c) in _UNPRINTABLE else c for c in cut)
    return shown if len(text) <= most else shown[: most - 3] + "..."


def short(number: float) -> str:
    """Write a count in at most five characters: 950, 12.3k, 1.2M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            scaled = number / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{number:.0f}"


def duration(seconds: float | None) -> str:
    """Write a time with its two largest units: 8s, 3m 20s, 1h 02m, 2d 03h."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m {whole % _MINUTE_S:02d}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h {whole % _HOUR_S // _MINUTE_S:02d}m"
    return f"{whole // _DAY_S}d {whole % _DAY_S // _HOUR_S:02d}h"


def share(part: float, whole: float) -> str:
    """Write a part in percent of the whole."""
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def counts(numbers: dict[str, int]) -> str:
    """Write counts by name: 12 completed, 1 limit."""
    return ", ".join(f"{number:,} {clean(name, 40)}" for name, number in numbers.items() if number)


def cost(usd: float | None, unpriced: int = 0) -> str:
    """Write a cost, or that nobody said what things cost.

    Args:
        usd: the cost of what has one, in US dollars; below ten cents it is written more finely.
        unpriced: how many replies nobody said the cost of.
    """
    if usd is None:
        return "cost unknown (no prices)"
    shown = f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"
    return f"{shown} and {unpriced:,} replies of unknown price" if unpriced else shown


def closest(word: str, words: Iterable[str]) -> str:
    """Give a hint at the most similar of *words*, or nothing."""
    found = difflib.get_close_matches(word[:80], list(words), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
