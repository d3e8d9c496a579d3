"""``elide``: long results keep their ends, error lines and the lines that say most. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compressor.boundaries import observations
from compressor.plan import Budget, Counter, Edit, Plan
from compressor.strategies.draft import (
    Draft,
    Place,
    begin,
    edit_of,
    finish,
    piece_at,
    size_of,
    with_edit,
)
from compressor.strategies.foresight import used_later
from compressor.strategies.notes import elided, error_lines, is_elided, is_masked
from compressor.summarize.facts import words
from compressor.trajectory import Trajectory

LEAST_TOKENS = 200
"""A result that is no longer than this stays whole."""

SHARE = 0.5
"""How much of a long result is left."""

_SEGMENT = re.compile(r"[^\n]{1,200}(?:[^\n,;]{0,40}[,;])?\n?|\n")
_GAP = "[...]\n"
_ENDS, _END_WORTH = 3, 100.0
_ERROR_CHARS = 60
_FACT = re.compile(r"[0-9_/@]|[a-z][A-Z]")


def plan(trajectory: Trajectory, budget: Budget, counter: Counter) -> Plan:
    """Elide the longest results first, as far as the budget asks for it."""
    draft = begin(trajectory, budget, counter)
    places = sorted(elidable(draft, 0), key=lambda place: -size_of(draft, place))
    for place in places:
        if draft.fits:
            break
        draft = with_edit(draft, shortened(draft, place))
    return finish(draft, "elide")


def elidable(draft: Draft, first: int) -> Iterator[Place]:
    """Name the results from turn *first* on that are long enough to be elided, the oldest first."""
    for place in observations(draft.trajectory):
        if not first <= place[0] < draft.tail or size_of(draft, place) <= LEAST_TOKENS:
            continue
        text = piece_at(draft, place).text
        if not (is_masked(text) or is_elided(text)):
            yield place


def shortened(draft: Draft, place: Place) -> Edit:
    """Give the edit that leaves a part of the piece at *place*."""
    made = draft.made.get((place, "elide"))
    if made:
        return made
    piece = piece_at(draft, place)
    left = _left(piece.text, int(len(piece.text) * SHARE), used_later(draft, place[0]))
    return edit_of(draft, place, "elide", elided(piece, size_of(draft, place), left))


def _left(text: str, room: int, later: frozenset[str]) -> str:
    """Choose segments of *text* of about *room* characters in all and put them in their order."""
    segments = _SEGMENT.findall(text)
    errors = tuple(error[:_ERROR_CHARS] for error in error_lines(text))
    worth = [_worth(segment, errors, later) for segment in segments]
    worth[:_ENDS] = [_END_WORTH] * len(worth[:_ENDS])
    worth[-_ENDS:] = [_END_WORTH] * len(worth[-_ENDS:])
    chosen: set[int] = set()
    for at in sorted(range(len(segments)), key=lambda at: (-worth[at], at)):
        if len(segments[at]) <= room:
            room -= len(segments[at])
            chosen.add(at)
    parts: list[str] = []
    for at, segment in enumerate(segments):
        if at in chosen:
            parts.append(segment)
        elif not parts or parts[-1] is not _GAP:
            parts.append(_GAP)
    return "".join(parts)


def _worth(segment: str, errors: tuple[str, ...], later: frozenset[str]) -> float:
    """How many facts a segment has for its length; more than any where it tells of an error."""
    if any(error in segment for error in errors):
        return 2 * _END_WORTH
    if later and not later.isdisjoint(words(segment)):
        return _END_WORTH / 2
    return len(_FACT.findall(segment)) / (10 + len(segment))
