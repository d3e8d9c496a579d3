"""``dedupe``: a result that stands there already becomes a pointer at the first. Pure."""

from __future__ import annotations

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
    with_edits,
)
from compressor.strategies.notes import is_masked, pointer
from compressor.trajectory import Trajectory


def plan(trajectory: Trajectory, budget: Budget, counter: Counter) -> Plan:
    """Point at the first of equal results, whatever the budget: nothing is lost by it."""
    draft = begin(trajectory, budget, counter)
    if draft.fits:
        return finish(draft, "dedupe")
    return finish(with_edits(draft, pointers(draft, 0).values()), "dedupe")


def pointers(draft: Draft, first: int) -> dict[Place, Edit]:
    """Give the edits for repeated results from turn *first* on that may be changed."""
    return {(edit.turn, edit.piece): edit for edit in _repeated(draft, first)}


def _repeated(draft: Draft, first: int) -> Iterator[Edit]:
    seen: dict[str, Place] = {}
    for place in observations(draft.trajectory):
        if not first <= place[0] < draft.tail:
            continue
        piece = piece_at(draft, place)
        if seen.setdefault(piece.text, place) == place or is_masked(piece.text):
            continue
        edit = edit_of(draft, place, "dedupe", pointer(piece, size_of(draft, place)))
        if edit:
            yield edit
