"""What it costs to give one more leave to ask does not depend on how many wait for it."""

from __future__ import annotations

from collections import deque
from functools import partial

import pytest

from hermes_run.brake import Brake
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.throttle.queue import Waiter
from tests.guards.counting import Work, count, grown

SIZES = (20, 80, 320)


def serve(lanes: int, waiting: int) -> None:
    """Let so many sessions ask at once and then again, and answer one after the other."""
    gate = Gate([Terms(f"e{place}", 4) for place in range(lanes)], Brake(), 0.0)
    asked = deque[Waiter]()
    for _ in range(2):
        asked += [gate.ask(f"s{number}", 0, 0.0) for number in range(waiting)]
        for now in range(waiting):
            answer(gate, asked, float(now))
    assert not asked
    assert not len(gate.waiting)


def answer(gate: Gate, asked: deque[Waiter], now: float) -> None:
    """Answer who was given leave first; who has none yet goes to the end."""
    while not (permit := asked[0].permit):
        asked.rotate(-1)
    gate.answered(asked.popleft().session, permit, None, now)


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_leave_costs_the_same_with_few_and_with_many_who_wait(lanes: int):
    """Nobody is looked at but who is next, in whichever line."""
    works: dict[int, Work] = {size: count(partial(serve, lanes, size)) for size in (2, *SIZES)}
    del works[2]
    assert grown(works) == {}
