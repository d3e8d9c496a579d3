"""``ladder``: dedupe, elide, mask, digest, each only as far as the budget asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from compressor.boundaries import tails_of
from compressor.plan import Budget, Counter, Edit, Plan
from compressor.strategies.dedupe import pointers
from compressor.strategies.digest import digested, free_steps, last_to_go, room_of
from compressor.strategies.draft import Draft, begin, finish, with_edit, without
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
    plans: list[Plan] = []
    for tail in tails_of(trajectory, budget.last_turns):
        made = finish(_within(msgspec.structs.replace(draft, tail=tail)), "ladder")
        if made.after <= budget.tokens:
            return made
        plans.append(made)
    return min(plans, key=lambda made: made.after)


def _within(draft: Draft) -> Draft:
    """Go down the ladder with the tail as it is."""
    lowest, free = _lowest(draft), free_steps(draft)
    if lowest.fits or not free:
        return _edited(draft, draft.budget.tokens)
    room = room_of(draft.budget)
    rest = without(draft, free[0].first, last_to_go(lowest, free, room))
    return digested(_edited(rest, draft.budget.tokens - room), "digest")


def _lowest(draft: Draft) -> Draft:
    """Make a note of every result: that is quickly done, and tells whether steps have to go."""
    for edit in (*pointers(draft), *(masked(draft, place) for place in maskable(draft))):
        draft = with_edit(draft, edit)
    return draft


def _edited(draft: Draft, target: int) -> Draft:
    """Dedupe, elide and mask results until no more than *target* tokens are left."""
    for edit in _edits(draft):
        if draft.total <= target:
            break
        draft = with_edit(draft, edit)
    return _restored(draft, target)


def _edits(draft: Draft) -> Iterator[Edit]:
    """Think of one edit after the other, each when it is asked for."""
    repeated = list(pointers(draft))
    yield from repeated
    done = {(edit.turn, edit.piece) for edit in repeated}
    yield from (shortened(draft, place) for place in elidable(draft) if place not in done)
    yield from (masked(draft, place) for place in maskable(draft))


def _restored(draft: Draft, target: int) -> Draft:
    """Take back what turned out to be needless, the latest first: a large result may free much."""
    for place in sorted(draft.edits, reverse=True):
        edit = draft.edits[place]
        if draft.total + edit.before - edit.after <= target:
            edits = {one: other for one, other in draft.edits.items() if one != place}
            total = draft.total + edit.before - edit.after
            draft = msgspec.structs.replace(draft, edits=edits, total=total)
    return draft
