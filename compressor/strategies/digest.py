"""``digest``: whole oldest steps become one summary in a neighbouring user turn. Pure."""

from __future__ import annotations

import msgspec

from compressor.boundaries import Step, steps
from compressor.plan import Budget, Counter, CutKind, Plan
from compressor.strategies.draft import Draft, begin, cost, cut_of, finish
from compressor.summarize.local import local
from compressor.trajectory import Trajectory

ROOM = 0.08
"""What share of the budget a digest may have, beside what is free."""

LEAST_ROOM = 48


def plan(trajectory: Trajectory, budget: Budget, counter: Counter) -> Plan:
    """Put a digest in the place of as few of the oldest steps as the budget allows."""
    draft = begin(trajectory, budget, counter)
    if draft.fits:
        return finish(draft, "digest")
    free = free_steps(draft)
    for number in range(1, len(free) + 1):
        if (
            draft.total - cost(draft, free[0].first, free[number - 1].last) + room_of(budget)
            <= budget.tokens
        ):
            return finish(digested(draft, free[0].first, free[number - 1].last), "digest")
    return finish(digested(draft, free[0].first, free[-1].last) if free else draft, "digest")


def free_steps(draft: Draft) -> tuple[Step, ...]:
    """Give the steps that may be cut, the oldest first."""
    return tuple(step for step in steps(draft.trajectory) if step.first < draft.tail)


def room_of(budget: Budget) -> int:
    """How many tokens a digest is given at least, where there are as many."""
    return max(LEAST_ROOM, int(budget.tokens * ROOM))


def digested(draft: Draft, first: int, last: int, kind: CutKind = "digest") -> Draft:
    """Cut turns *first* to *last*; their digest takes what room the budget leaves it."""
    left = draft.total - cost(draft, first, last)
    room = min(draft.budget.tokens - left - 8, cost(draft, first, last) - 8)
    text = local(draft.trajectory, first, last, room, draft.counter) if room >= LEAST_ROOM else ""
    cut = cut_of(draft, first, last, kind, text)
    return msgspec.structs.replace(draft, cuts=(cut,), total=left + cut.after)
