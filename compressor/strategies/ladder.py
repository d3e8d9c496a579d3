"""``ladder``: dedupe, elide, mask, digest, each only as far as the budget asks for. Pure."""

from __future__ import annotations

import msgspec

from compressor.boundaries import tails_of
from compressor.plan import Budget, Counter, Plan
from compressor.strategies.dedupe import pointers
from compressor.strategies.digest import digested, free_steps, room_of
from compressor.strategies.draft import Draft, begin, cost, finish, size_of, with_edits
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
    free = free_steps(draft)
    edited = _edited(draft, 0, draft.budget.tokens)
    if edited.fits or not free:
        return edited
    first = free[0].first
    floor = _edited(draft, 0, 0)
    gone, last = 0, len(free) - 1
    for number, step in enumerate(free):
        gone += _standing(floor, step.first, step.last)
        if floor.total - gone + room_of(draft.budget) <= draft.budget.tokens:
            last = number
            break
    end = free[last].last
    cut = cost(draft, first, end)
    rest = _edited(draft, end + 1, draft.budget.tokens - room_of(draft.budget) + cut)
    return digested(rest, first, end)


def _standing(draft: Draft, first: int, last: int) -> int:
    saved = sum(
        edit.before - edit.after for place, edit in draft.edits.items() if first <= place[0] <= last
    )
    return cost(draft, first, last) - saved


def _edited(draft: Draft, first: int, target: int) -> Draft:
    """Dedupe, elide and mask results from turn *first* on until no more than *target* is left."""
    repeated = pointers(draft, first)
    if draft.total > target:
        draft = with_edits(draft, repeated.values())
    for place in sorted(elidable(draft, first), key=lambda place: -size_of(draft, place)):
        if draft.total <= target:
            return draft
        if place not in repeated:
            draft = with_edits(draft, shortened(draft, place))
    for place in maskable(draft, first):
        if draft.total <= target:
            break
        draft = with_edits(draft, masked(draft, place))
    return draft
