"""One gate for all workers: here is one of them, which the test plays."""

from __future__ import annotations

import anyio
import pytest

from hermes_run.failure import Failure
from hermes_run.throttle.told import Heard
from hermes_run.workers.messages import (
    Answered,
    Enter,
    Failed,
    GivenUp,
    Told,
)
from recorder.messages import Usage


async def test_a_worker_waits_for_the_gate_of_the_head(head):
    """Until the first good answer one request is on its way at a time, over all workers."""
    async with head() as mine:
        mine.tasks.start_soon(mine.post.serve)
        first = mine.worker.ask(Enter("a", 0))
        permit = (await mine.worker.hear()).value
        assert permit.lane == 0
        second = mine.worker.ask(Enter("b", 0))
        mine.worker.say(Answered(first, Usage(input=1, output=1)))
        said = await mine.worker.hear()
        assert said.number == second
        mine.worker.say(GivenUp(second))
        third = mine.worker.ask(Enter("c", 0))
        assert (await mine.worker.hear()).number == third
        assert mine.gate.lanes[0].in_flight == 1


async def test_who_waits_no_more_is_forgotten(head, until):
    """Also where its leave crossed with that."""
    async with head() as mine:
        mine.tasks.start_soon(mine.post.serve)
        await mine.worker.answer(Enter("a", 0))
        waiting = mine.worker.ask(Enter("b", 0))
        mine.worker.say(GivenUp(waiting), GivenUp(1), GivenUp(waiting))
        await until(lambda: mine.gate.lanes[0].in_flight == 0 and not len(mine.gate.waiting))
        assert (await mine.worker.answer(Enter("c", 0))).lane == 0


async def test_the_gate_judges_what_failed(head):
    """A key that is refused stops the run, and nobody else is let in."""
    async with head() as mine:
        mine.tasks.start_soon(mine.post.serve)
        first = mine.worker.ask(Enter("a", 0))
        await mine.worker.hear()
        waiting = mine.worker.ask(Enter("b", 0))
        failing = mine.worker.ask(Failed(first, Failure(kind="key", error="no")))
        said = [await mine.worker.hear(), await mine.worker.hear()]
        answers = {answer.number: answer.value for answer in said}
        assert answers[failing].verdict == "run"
        assert answers[waiting] is None
        assert mine.run.brake.cause == "endpoint"
        assert await mine.worker.answer(Enter("c", 0)) is None
        assert mine.gate.lanes[0].in_flight == 0


async def test_the_gate_hears_what_an_endpoint_told(head, until):
    """Whichever worker was told."""
    async with head() as mine:
        mine.tasks.start_soon(mine.post.serve)
        headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "5"}
        headers["x-ratelimit-reset-requests"] = "30s"
        mine.worker.say(Told(0, Heard(headers, at=anyio.current_time(), wall=0.0)))
        await until(lambda: mine.gate.lanes[0].requests is not None)


@pytest.mark.parametrize("waiting", [0, 3])
async def test_a_worker_that_dies_leaves_nothing_at_the_gate(head, waiting):
    """What was on its way is given up, and so is who waited."""
    async with head() as mine:
        async with anyio.create_task_group() as serving:
            serving.start_soon(mine.post.serve)
            await mine.worker.answer(Enter("a", 0))
            for number in range(waiting):
                mine.worker.ask(Enter(f"w{number}", 0))
            mine.worker.leave()
        assert mine.gate.lanes[0].in_flight == 0
        assert len(mine.gate.waiting) == 0
        assert mine.desk.door.ask("b", 0).permit is not None
