"""Questions of a worker and their answers; the test plays the head."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from hermes_run.workers.messages import (
    Answer,
    Cancel,
    Stop,
)
from tests.hermes_run.workers.conftest import begin_call


async def test_each_question_gets_its_own_answer(worker):
    """In whichever order the head answers."""
    async with worker() as mine:
        first, second = mine.link.ask("one"), mine.link.ask("two")
        heard = [await mine.head.hear(), await mine.head.hear()]
        assert [asked.what for asked in heard] == ["one", "two"]
        mine.head.say(Answer(second.number, 2), Answer(first.number, 1))
        assert (await mine.link.answer(first), await mine.link.answer(second)) == (1, 2)


async def test_an_answer_that_comes_too_late_is_nobodys(worker):
    """Who asked was cancelled meanwhile; the next question gets its own answer."""
    async with worker() as mine:
        question = mine.link.ask("one")
        kept = begin_call(mine, mine.link.answer, question)
        await mine.head.hear()
        kept.scope.cancel()
        await kept.over.wait()
        again = mine.link.ask("two")
        mine.head.say(Answer(question.number, 1), Answer(again.number, 2))
        assert await mine.link.answer(again) == 2


async def test_a_run_that_stops_stops_in_the_worker(worker):
    """With the cause and the reason that the head has."""
    async with worker() as mine:
        mine.head.say(Stop("deadline", "it is over"))
        await mine.link.brake.wait()
        assert (mine.link.brake.cause, mine.link.brake.reason) == ("deadline", "it is over")


async def test_what_was_said_before_the_worker_listened_is_heeded(worker):
    """A run may stop, and be given up, while a worker is still starting."""
    async with worker(Stop("signal", "SIGINT came"), Cancel()) as mine:
        await mine.link.brake.wait()
        with mine.link.everything:
            await anyio.sleep_forever()
        assert mine.link.everything.cancelled_caught


async def test_what_nobody_understands_is_a_fault(worker):
    """It is not passed over in silence."""

    async def listen() -> None:
        async with worker() as mine:
            mine.head.say("what?")
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await listen()
    assert raised.group_contains(TypeError, match="a worker is not told 'what\\?'")
