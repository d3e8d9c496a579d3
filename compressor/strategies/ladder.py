"""``ladder``: dedupe, elide, mask, digest, each only as far as the budget asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from compressor.boundaries import tails_of
from compressor.plan import Budget, Counter, Edit, Plan
from compressor.strategies.dedupe import pointers
from compressor.strategies.digest import digested, free_steps, last_to_go, room_of
from compressor.strategies.draft import Draft, begin, cost, finish, size_of, with_edit
from compressor.strategies.elide import elidable, shortened
from compressor.strategies.mask import maskable, masked
from compressor.trajectory import Trajectory


def plan(trajectory: Trajectory, budget: Budget, counter: Counter) -> Plan:
    """Plan the least that makes *trajectory* fit.

    Where the head and the tail alone are over the budget, the tail gets shorter, a step at a time.
    """
    draft = begin(trajectory, budget, counter)
    if draft.fits:
        return finish(draft, "ladder")
    best: Plan | None = None
    for tail in tails_of(trajectory, budget.last_turns):
        made = finish(_within(msgspec.structs.replace(draft, tail=tail)), "ladder")
        if made.after <= budget.tokens:
            return made
        if best is None or made.after < best.after:
            best = made
    return best or finish(draft, "ladder")


def _within(draft: Draft) -> Draft:
    """Go down the ladder with the tail as it is."""
    edited, free = _edited(draft, 0, draft.budget.tokens), free_steps(draft)
    if edited.fits or not free:
        return edited
    room = room_of(draft.budget)
    first, last = free[0].first, last_to_go(edited, free, room)
    target = draft.budget.tokens - room + cost(draft, first, last)
    return digested(_edited(draft, last + 1, target), first, last, "digest")


def _edited(draft: Draft, first: int, target: int) -> Draft:
    """Dedupe, elide and mask results from turn *first* on until no more than *target* is left."""
    for edit in _edits(draft, first):
        if draft.total <= target:
            break
        draft = with_edit(draft, edit)
    return _restored(draft, target)


def _edits(draft: Draft, first: int) -> Iterator[Edit]:
    """Think of one edit after the other, each when it is asked for."""
    repeated = list(pointers(draft, first))
    yield from repeated
    done = {(edit.turn, edit.piece) for edit in repeated}
    for place in sorted(elidable(draft, first), key=lambda place: -size_of(draft, place)):
        if place not in done:
            yield shortened(draft, place)
    for place in maskable(draft, first):
        yield masked(draft, place)


def _restored(draft: Draft, target: int) -> Draft:
    """Take back what turned out to be needless, the latest first: a large result may free much."""
    for place in sorted(draft.edits, reverse=True):
        edit = draft.edits[place]
        if draft.total + edit.before - edit.after <= target:
            edits = {one: other for one, other in draft.edits.items() if one != place}
            total = draft.total + edit.before - edit.after
            draft = msgspec.structs.replace(draft, edits=edits, total=total)
    return draft
