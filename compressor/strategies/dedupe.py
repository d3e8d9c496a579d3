"""``dedupe``: a result that stands there already becomes a pointer at the first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from compressor.plan import Budget, Counter, Edit, Plan
from compressor.strategies.draft import (
    Draft,
    Place,
    begin,
    edit_of,
    editable,
    finish,
    piece_at,
    size_of,
    with_edit,
)
from compressor.strategies.notes import is_masked, pointer
from compressor.trajectory import Trajectory


def plan(trajectory: Trajectory, budget: Budget, counter: Counter) -> Plan:
    """Point at the first of equal results, as far as the budget asks for it."""
    draft = begin(trajectory, budget, counter)
    for edit in pointers(draft):
        if draft.fits:
            break
        draft = with_edit(draft, edit)
    return finish(draft, "dedupe")


def pointers(draft: Draft) -> Iterator[Edit]:
    """Give the edits for repeated results that may be changed."""
    seen: dict[str, Place] = {}
    for place in editable(draft):
        piece = piece_at(draft, place)
        if seen.setdefault(piece.text, place) != place and not is_masked(piece.text):
            edit = draft.made.get((place, "dedupe"))
            text = pointer(piece, size_of(draft, place))
            yield edit or edit_of(draft, place, "dedupe", text)
