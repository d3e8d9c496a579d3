"""Who waits for leave to ask gets it when its time has come, or is let go."""

from __future__ import annotations

import anyio
import pytest

from hermes_run.brake import Brake
from hermes_run.errors import NotAskedError
from hermes_run.failure import Failure
from hermes_run.throttle.door import open_door
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.throttle.notices import Notices
from hermes_run.throttle.told import Heard
from recorder.messages import Usage

RESET = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "1h",
}


@pytest.fixture
def brake() -> Brake:
    """Give a brake."""
    return Brake()


@pytest.fixture
def gate(brake):
    """Give a gate with one lane for two; it was answered, so both may ask."""

    def make(most: int = 2, **terms) -> Gate:
        return Gate([Terms("e", most=most, **terms)], brake, anyio.current_time())

    return make


async def test_leave_is_given_at_once_where_there_is_room(gate, brake):
    """And taken back when the attempt is over, however it went."""
    async with open_door(gate(), brake) as door:
        first = await door.enter("a", 0)
        door.answered("a", first, Usage(input=1, output=1))
        second = await door.enter("a", 0)
        failure = Failure(kind="timeout", error="late")
        assert await door.failed(second, failure) == failure
        door.given_up(await door.enter("a", 0))
        assert door.gate.lanes[0].in_flight == 0
        assert not door.weighs


async def test_who_waits_is_woken_when_there_is_room(gate, brake):
    """Before the first good answer one asks at a time."""
    async with open_door(gate(), brake) as door, anyio.create_task_group() as tasks:
        first = await door.enter("a", 0)
        waiting = door.ask("b", 0)
        assert not waiting.woken.is_set()
        tasks.start_soon(waiting.woken.wait)
        door.answered("a", first, None)
        assert waiting.permit is not None


async def test_who_waits_is_woken_when_its_time_has_come(gate, brake):
    """Nothing else happens meanwhile."""
    async with open_door(gate(rpm=600.0), brake) as door:
        for _ in range(12):
            with anyio.fail_after(20):
                door.answered("a", await door.enter("a", 0), None)


async def test_who_is_cancelled_waits_no_more(gate, brake):
    """Whoever comes next gets the leave."""
    async with open_door(gate(), brake) as door:
        first = await door.enter("a", 0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(door.enter, "b", 0)
            await anyio.wait_all_tasks_blocked()
            assert len(door.gate.waiting) == 1
            tasks.cancel_scope.cancel()
        assert len(door.gate.waiting) == 0
        door.answered("a", first, None)
        assert door.gate.lanes[0].in_flight == 0


async def test_leave_that_came_too_late_is_given_back(gate, brake):
    """Who asked is gone."""
    async with open_door(gate(), brake) as door:
        first = await door.enter("a", 0)
        waiting = door.ask("b", 0)
        door.answered("a", first, None)
        assert (waiting.permit is not None, door.gate.lanes[0].in_flight) == (True, 1)
        door.withdraw(waiting)
        assert door.gate.lanes[0].in_flight == 0


async def test_nobody_waits_in_a_run_that_stops(gate, brake):
    """And nobody begins to."""
    async with open_door(gate(), brake) as door:
        await door.enter("a", 0)
        waiting = door.ask("b", 0)
        brake.pull("signal", "")
        with anyio.fail_after(20):
            await waiting.woken.wait()
        assert waiting.permit is None
        with pytest.raises(NotAskedError):
            await door.enter("c", 0)


async def test_what_an_endpoint_told_counts_before_anybody_is_let_in(gate, brake):
    """Whether it was told here or in another process."""
    notices = Notices()
    async with open_door(gate(), brake, [notices]) as door:
        door.answered("a", await door.enter("a", 0), None)
        notices.leave(RESET.items(), refused=False)
        assert not door.ask("b", 0).woken.is_set()
    async with open_door(gate(), brake, [None]) as door:
        door.answered("a", await door.enter("a", 0), None)
        door.heard(0, Heard(RESET, at=anyio.current_time(), wall=0.0))
        assert not door.ask("b", 0).woken.is_set()


async def test_the_size_of_a_request_matters_where_tokens_are_counted(gate, brake):
    """At any endpoint."""
    async with open_door(gate(tpm=1000.0), brake) as door:
        assert door.weighs
