"""A trajectory as a plan leaves it. Pure.

Rows are changed by :mod:`compressor.rows`; reading such a row again gives what this gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from compressor.plan import Plan
from compressor.rows.blocks import rewrite
from compressor.rows.judging import is_failure
from compressor.rows.turns import SEAM, Changes, changes_of
from compressor.trajectory import Piece, Trajectory, Turn


def apply(trajectory: Trajectory, plan: Plan) -> Trajectory:
    """Give *trajectory* as *plan* leaves it.

    Raises:
        RowError: the plan is for another trajectory.
    """
    return Trajectory(tuple(_turns(trajectory, changes_of(trajectory, plan))))


def with_text(piece: Piece, text: str) -> Piece:
    """Put *text* in the place of that of *piece*, and into its markup."""
    block = None if piece.block is None else rewrite(piece.block, {0: text})
    return Piece(text, piece.purpose, piece.purpose == "result" and is_failure(text), block)


def _turns(trajectory: Trajectory, changes: Changes) -> Iterator[Turn]:
    for at, turn in enumerate(trajectory.turns):
        if at in changes.inserted:
            yield Turn("user", (Piece(changes.inserted[at]),))
        if at not in changes.gone:
            yield _turn(turn, at, changes)
    if len(trajectory.turns) in changes.inserted:
        yield Turn("user", (Piece(changes.inserted[len(trajectory.turns)]),))


def _turn(turn: Turn, at: int, changes: Changes) -> Turn:
    pieces = list(turn.pieces)
    for number, text in changes.texts.get(at, {}).items():
        pieces[number] = with_text(pieces[number], text)
    if at in changes.behind:
        last = pieces.pop() if pieces else None
        pieces.append(
            Piece(f"{last.text}{SEAM}{changes.behind[at]}" if last else changes.behind[at])
        )
    if at in changes.before:
        first = pieces.pop(0) if pieces else None
        joined = f"{changes.before[at]}{SEAM}{first.text}" if first else changes.before[at]
        pieces.insert(0, Piece(joined))
    return Turn(turn.role, tuple(pieces), turn.answers)
