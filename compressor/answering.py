"""Which call a result answers: by its id, and by where it stands if there is none. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from compressor.trajectory import Trajectory, Turn


class _Calls(msgspec.Struct):
    """The calls so far: the turn of each id, the turn that called last, and calls that wait.

    Those with an id stay among those that wait when they are ``done``, until they come up.
    """

    known: dict[str, int] = {}
    near: int | None = None
    named: list[tuple[int, str]] = []
    bare: list[int] = []
    done: set[tuple[int, str]] = set()


def answers(trajectory: Trajectory) -> Iterator[tuple[int, int | None]]:
    """Give every turn with results, and the turn with its call; None where there is none before.

    A turn that answers several calls is named with each. A result without an id, or with one where
    calls have none, answers the latest call that waits for a result; where none waits, the turn
    that it follows with nothing but results between.
    """
    calls = _Calls()
    for at, turn in enumerate(trajectory.turns):
        if turn.role != "tool":
            _called(calls, turn, at)
            continue
        for _ in range(max(1, len(turn.pieces)) if turn.answers is None else 1):
            yield at, _answered(calls, turn.answers)


def _called(calls: _Calls, turn: Turn, at: int) -> None:
    made = [piece.call_id for piece in turn.pieces if piece.purpose == "call"]
    calls.near = at if made else None
    for one in made:
        if one is None:
            calls.bare.append(at)
        else:
            calls.known[one] = at
            calls.named.append((at, one))


def _answered(calls: _Calls, call: str | None) -> int | None:
    if call is None:
        return _latest(calls)
    if call not in calls.known:
        return calls.bare.pop() if calls.bare else None
    calls.done.add((calls.known[call], call))
    return calls.known[call]


def _latest(calls: _Calls) -> int | None:
    while calls.named and calls.named[-1] in calls.done:
        calls.named.pop()
    if calls.named and (not calls.bare or calls.named[-1][0] >= calls.bare[-1]):
        return calls.named.pop()[0]
    return calls.bare.pop() if calls.bare else calls.near
