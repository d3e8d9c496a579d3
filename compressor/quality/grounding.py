"""How much of what kept turns use still stands before them. Pure.

A fact is *used* where an assistant turn holds it and a turn before it did too. It still *stands* if
some turn before it holds it in the compressed trajectory: as it was, in a note, or in a summary.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from compressor.trajectory import Trajectory, Turn


class Extractor(Protocol):
    """A way to find the facts in a text."""

    def __call__(self, text: str, /) -> AbstractSet[str]:
        """Give the facts in *text*."""
        ...


class Grounding(msgspec.Struct, frozen=True):
    """Facts that kept assistant turns use, and how many of them still stand before."""

    used: int = 0
    standing: int = 0

    def __add__(self, other: Grounding) -> Grounding:
        return Grounding(self.used + other.used, self.standing + other.standing)

    @property
    def share(self) -> float:
        """The share that stands; all of it where nothing was used."""
        return self.standing / self.used if self.used else 1.0


def ground(
    before: Trajectory,
    after: Trajectory,
    kept: tuple[tuple[int, int], ...],
    extract: Extractor,
    rarest: int | None = None,
) -> Grounding:
    """Measure how kept turns are grounded.

    *kept* pairs the places of turns in *before* and *after*; a fact that more than *rarest* turns
    before it hold is too common to count.
    """
    at_after = dict(kept)
    seen, found, place = Tally[str](), set[str](), 0
    total = Grounding()
    for at, turn in enumerate(before.turns):
        facts = set(_facts(turn, extract))
        if at in at_after and turn.role == "assistant":
            for other in after.turns[place : at_after[at]]:
                found.update(_facts(other, extract))
            place = at_after[at]
            used = {
                fact for fact in facts if seen[fact] and (rarest is None or seen[fact] <= rarest)
            }
            total += Grounding(len(used), len(used & found))
        seen.update(facts)
    return total


def _facts(turn: Turn, extract: Extractor) -> Iterator[str]:
    for piece in turn.pieces:
        yield from extract(piece.text)
