"""The figures of many rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from compressor.quality.grounding import Grounding
from compressor.quality.measuring import Quality


class Figures(msgspec.Struct, frozen=True):
    """The figures of all rows that were over a budget; rates are shares from 0 to 1.

    ``over_factor`` is how many times the budget those rows have that miss it, ``kept`` the share of
    assistant turns, ``error_recall`` that of lines that tell of an error. The last four count what
    must not be: results without a call, turns of one role in a row and failures no longer marked
    that were not there before, and rows that a second pass changes.
    """

    rows: int = 0
    hit_rate: float = 1.0
    over_factor: float = 1.0
    kept: float = 1.0
    grounding: float = 1.0
    held_out_grounding: float = 1.0
    error_recall: float = 1.0
    new_orphans: int = 0
    new_doubled: int = 0
    failures_lost: int = 0
    unsettled: int = 0


def fold(measured: Iterable[Quality], budget_tokens: int, unsettled: int = 0) -> Figures:
    """Sum up the rows of *measured* that were over *budget_tokens*.

    *unsettled* is how many rows a second pass changed, for whoever made one.
    """
    over = [one for one in measured if one.tokens[0] > budget_tokens]
    missed = [one.tokens[1] / budget_tokens for one in over if one.tokens[1] > budget_tokens]
    return Figures(
        rows=len(over),
        hit_rate=_share(len(over) - len(missed), len(over)),
        over_factor=sum(missed) / len(missed) if missed else 1.0,
        kept=_rate(one.assistant_turns for one in over),
        grounding=sum((one.facts for one in over), Grounding()).share,
        held_out_grounding=sum((one.held_out for one in over), Grounding()).share,
        error_recall=_rate(one.error_lines for one in over),
        new_orphans=_more(one.orphans for one in over),
        new_doubled=_more(one.doubled for one in over),
        failures_lost=_more((kept, had) for had, kept in (one.failed for one in over)),
        unsettled=unsettled,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _rate(pairs: Iterable[tuple[int, int]]) -> float:
    before, after = 0, 0
    for one, other in pairs:
        before, after = before + one, after + other
    return _share(after, before)


def _more(pairs: Iterable[tuple[int, int]]) -> int:
    return sum(max(0, after - before) for before, after in pairs)
