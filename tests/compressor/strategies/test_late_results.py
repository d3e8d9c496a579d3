"""Rows in which the model speaks between a call and its result."""

from __future__ import annotations

import pytest

from compressor import strategies
from compressor.apply import apply
from compressor.plan import Budget
from compressor.quality.measuring import orphans
from compressor.strategies.split import split
from compressor.tokens import Estimate
from compressor.trajectory import Piece, Trajectory, Turn

COUNTER = Estimate()
LOG = "".join(f"line {number} of nothing\n" for number in range(60))


def total(trajectory: Trajectory) -> int:
    """Count *trajectory*."""
    texts = [piece.text for turn in trajectory.turns for piece in turn.pieces]
    return sum(map(COUNTER.count, texts)) + 4 * len(trajectory.turns)


def late(times: int) -> Trajectory:
    """Each time a call, then words, and only then the result."""
    turns = [Turn("user", (Piece("Fix src/app.py."),))]
    for number in range(times):
        name = f"c{number}"
        turns += [
            Turn("assistant", (Piece("c"), Piece(f"{{}} {LOG[:900]}", "call", call_id=name))),
            Turn("assistant", (Piece(f"I think of step {number}. {LOG[:900]}"),)),
            Turn("tool", (Piece(f"ok {number} {LOG[:500]}", "result"),), name),
        ]
    return Trajectory(tuple(turns))


@pytest.mark.parametrize("name", strategies.NAMES)
@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
def test_no_cut_parts_a_call_from_a_result_that_comes_late(name, share):
    """Where the model speaks between them, both go or both stay."""
    trajectory = late(30)
    for more in range(0, 900, 97):
        made = strategies.load(name)(
            trajectory, Budget(int(total(trajectory) * share) + more), COUNTER
        )
        left = apply(trajectory, made)
        calls = {piece.call_id for turn in left.turns for piece in turn.pieces} - {None}
        assert calls == {turn.answers for turn in left.turns} - {None}
        assert orphans(left) == 0


def test_no_piece_parts_a_call_from_a_result_that_comes_late():
    """The same holds for rows that are split."""
    trajectory = late(30)
    for piece in split(trajectory, Budget(total(trajectory) // 7), COUNTER):
        left = apply(trajectory, piece)
        calls = {piece.call_id for turn in left.turns for piece in turn.pieces} - {None}
        assert calls == {turn.answers for turn in left.turns} - {None}
