"""What later turns use, for budgets that allow looking ahead. Pure.

A model that is trained on a row did not know what would be used later, so a row whose results were
chosen by that teaches it to expect the right lines only. It is off by default, and a plan says so
where it was on.
"""

from __future__ import annotations

from compressor.strategies.draft import Draft
from compressor.summarize.facts import words


def used_later(draft: Draft, turn: int) -> frozenset[str]:
    """Give the facts that the assistant writes after *turn*; none unless looking is allowed."""
    if not draft.budget.look_ahead:
        return frozenset()
    later = (one for one in draft.trajectory.turns[turn + 1 :] if one.role == "assistant")
    return frozenset(word for one in later for piece in one.pieces for word in words(piece.text))
