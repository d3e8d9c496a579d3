"""What the head does for a worker, which the test plays."""

from __future__ import annotations

import json
from typing import Any

import anyio
import msgspec
import pytest

from hermes_run.errors import WorkerError
from hermes_run.job import Going
from hermes_run.workers.messages import (
    Answer,
    Broke,
    Cancel,
    Done,
    Enter,
    Handed,
    Row,
    Want,
)
from hermes_run.workers.post import InHand, fault_of
from recorder.errors import JournalError
from recorder.events import CRASHED, SessionResumed, ToolReturned
from recorder.session import Session
from tests.hermes_run.workers.conftest import TS, WRITTEN, ended, facts, replied, started


def row_of(name: str) -> Row:
    """Ask that a row be written."""
    return Row(name, json.dumps({"id": name}).encode() + b"\n", completed=True)


def rows_in(path) -> list[str]:
    """Name the sessions that have a row."""
    lines = (path / "run" / "trajectories.jsonl").read_text().splitlines()
    return [json.loads(line)["id"] for line in lines]


# --- sessions


async def test_a_worker_gets_sessions_until_there_are_no_more(head):
    """One for each time it asks."""
    async with head("a", "b") as mine:
        mine.tasks.start_soon(mine.post.serve)
        handed = [await mine.worker.answer(Want()) for _ in range(3)]
        assert [one.prompt.key for one in handed[:2]] == ["a", "b"]
        assert handed[0] == Handed(handed[0].prompt, 0)
        assert handed[2] is None
        assert list(mine.tray.in_hand) == ["a-0", "b-0"]
        assert mine.tray.unfinished == 0  # nothing was heard of them yet


async def test_what_a_worker_records_is_counted_and_its_row_is_written(head, tmp_path):
    """From then on the session is nobody's."""
    async with head("a") as mine:
        mine.tasks.start_soon(mine.post.serve)
        await mine.worker.answer(Want())
        mine.worker.say(facts(started("a-0"), replied("a-0")))
        mine.worker.say(facts(ended("a-0")))
        await mine.worker.answer(row_of("a-0"))
        statistics = mine.run.record.statistics.value()
        assert (statistics.started, statistics.outcomes) == (1, {"completed": 1})
        assert (mine.tray.in_hand, mine.post.facts, mine.post.journal) == ({}, 3, WRITTEN)
        assert rows_in(tmp_path) == ["a-0"]


async def test_a_row_that_is_asked_for_twice_is_written_once(head, tmp_path):
    """Who waited for it was cancelled, and asked again to be sure."""
    async with head("a") as mine:
        mine.tasks.start_soon(mine.post.serve)
        await mine.worker.answer(Want())
        numbers = {mine.worker.ask(row_of("a-0")), mine.worker.ask(row_of("a-0"))}
        answers = [await mine.worker.hear(), await mine.worker.hear()]
        assert {answer.number for answer in answers} == numbers
        await mine.worker.answer(row_of("a-0"))
        assert rows_in(tmp_path) == ["a-0"]


async def test_a_session_is_open_from_its_first_fact_to_its_last(head, until):
    """That is what has no end if the worker dies now."""
    async with head("a") as mine:
        mine.tasks.start_soon(mine.post.serve)
        await mine.worker.answer(Want())
        for events, unfinished in (
            ([started("a-0")], 1),
            ([replied("a-0")], 1),
            ([ended("a-0")], 0),
        ):
            mine.worker.say(facts(*events))
            await until(lambda heard=events[-1].seq + 1: mine.post.facts == heard)
            assert mine.tray.unfinished == unfinished
        assert mine.tray.in_hand["a-0"].heard == 3


async def left(mine, name: str, stalled: int = 0, reason: str = "") -> InHand:
    """Give a session that went on and was left by a worker that died."""
    job = await mine.desk.draw.next()
    assert job.prompt.key == name
    session = Session(id=job.session_id, seq=4, attempt=2, stalled=stalled)
    if reason:
        session = msgspec.structs.replace(session, ended=ended(name, 3))
    return InHand(msgspec.structs.replace(job, going=Going(session)), heard=9, is_open=True)


async def test_what_was_left_is_handed_out_before_anything_else(head):
    """With where it stands; it is open until its end is heard of."""
    async with head("a", "b", "c") as mine:
        mine.tray.left += [await left(mine, "a"), await left(mine, "b", reason="x")]
        assert mine.tray.unfinished == 2
        mine.tasks.start_soon(mine.post.serve)
        handed = [await mine.worker.answer(Want()) for _ in range(3)]
        assert [one.prompt.key for one in handed] == ["b", "a", "c"]
        over, crashed, new = (one.past for one in handed)
        assert (crashed.ended, crashed.attempt, crashed.prompt_key) == (CRASHED, 2, "a")
        assert (over.ended, new) == ("completed", None)
        assert mine.tray.in_hand["a-0"].heard == 4
        assert mine.tray.unfinished == 2


async def test_what_was_left_comes_to_an_end_also_in_a_run_that_stops(head):
    """It is handed out to be ended; nothing new is."""
    async with head("a", "b") as mine:
        mine.tray.left.append(await left(mine, "a"))
        mine.run.brake.pull("signal", "")
        mine.tasks.start_soon(mine.post.serve)
        assert (await mine.worker.answer(Want())).prompt.key == "a"
        assert await mine.worker.answer(Want()) is None


@pytest.mark.parametrize(
    "fact",
    [
        replied("a-0", 5),
        ended("a-0", 5),
        ToolReturned(session="a-0", seq=5, ts=TS, call_id="x", status="ok"),
    ],
)
async def test_what_may_kill_workers_goes_on_alone_until_it_has_brought_something(head, fact):
    """Others that are in a worker when it dies would be taken for what kills it."""
    async with head("a", "b", "c") as mine:
        mine.tray.left += [await left(mine, "a", stalled=1), await left(mine, "b")]
        mine.tasks.start_soon(mine.post.serve)
        assert (await mine.worker.answer(Want())).prompt.key == "a"
        others = [mine.worker.ask(Want()), mine.worker.ask(Want())]
        resumed = SessionResumed(session="a-0", seq=4, ts=TS, attempt=3, previous=CRASHED)
        unknown = ToolReturned(session="a-0", seq=5, ts=TS, call_id="x", status="unknown")
        mine.worker.say(facts(resumed, unknown))
        await mine.worker.answer(Enter("a-0", 0))  # and no other answer before
        mine.worker.say(facts(fact))
        answers = [await mine.worker.hear(), await mine.worker.hear()]
        assert [answer.number for answer in answers] == others
        assert [answer.value.prompt.key for answer in answers] == ["b", "c"]


async def test_nothing_is_handed_out_when_all_is_given_up(head):
    """Neither what was left nor anything new, nor to who waits for another session to prove."""
    async with head("a", "b") as mine:
        mine.tray.left.append(await left(mine, "a", stalled=1))
        mine.tasks.start_soon(mine.post.serve)
        await mine.worker.answer(Want())
        waiting = mine.worker.ask(Want())
        await mine.worker.answer(Enter("a-0", 0))
        mine.post.give_up()
        assert await mine.worker.hear() == Answer(waiting, None)
        assert await mine.worker.answer(Want()) is None


async def test_a_worker_that_dies_is_waited_for_by_nobody(head):
    """What it had, and what it was about to get, is there for the next one."""
    async with head("a", "b") as mine:
        mine.tray.left += [await left(mine, "a", stalled=1), await left(mine, "b", stalled=1)]
        async with anyio.create_task_group() as serving:
            serving.start_soon(mine.post.serve)
            assert (await mine.worker.answer(Want())).prompt.key == "b"
            mine.worker.ask(Want())  # it waits for what "b" brings
            mine.worker.leave()
        assert list(mine.tray.in_hand) == ["b-0"]
        assert [one.job.session_id for one in mine.tray.left] == ["a-0"]
        assert mine.tray.unfinished == 2


# --- its end


async def test_a_worker_that_is_done_says_so(head):
    """And what its servers of tools came to."""
    async with head() as mine:
        async with anyio.create_task_group() as serving:
            serving.start_soon(mine.post.serve)
            mine.worker.say(Done(("a server is gone",)))
            mine.worker.leave()
        assert mine.post.notices == ("a server is gone",)


BROKEN: list[tuple[Broke, type[Exception]]] = [
    (Broke("no room", record=True, errno=28), JournalError),
    (Broke("closed", record=True), JournalError),
    (Broke("no such tool"), WorkerError),
    (Broke("KeyError: 'a'", trace="Traceback ..."), WorkerError),
]


@pytest.mark.parametrize(("said", "kind"), BROKEN)
async def test_a_worker_that_broke_is_a_fault_of_the_run(head, said, kind):
    """Of the record, where that is what broke."""
    async with head() as mine:
        mine.worker.say(said)
        with pytest.raises(ExceptionGroup) as raised:
            await mine.post.serve()
        assert raised.group_contains(kind, match=said.text)


def test_what_the_system_said_of_the_record_is_kept():
    """A journal that was removed is told otherwise than a full disk."""
    fault = fault_of(Broke("the segment was removed", record=True, errno=2))
    assert isinstance(fault.__cause__, FileNotFoundError)
    assert fault_of(Broke("closed", record=True)).__cause__ is None


def test_where_a_worker_broke_is_in_the_log(caplog):
    """The screen gets a sentence."""
    fault_of(Broke("KeyError: 'a'", trace="Traceback (most recent call last)"))
    assert "a worker broke: Traceback (most recent call last)" in caplog.text


@pytest.mark.parametrize("message", ["what?", Cancel()])
async def test_what_the_head_is_not_told_is_a_fault(head, message: Any):
    """It was said by this very program."""
    async with head() as mine:
        mine.worker.say(message)
        with pytest.raises(ExceptionGroup) as raised:
            await mine.post.serve()
        assert raised.group_contains(TypeError, match="the head is not told")


async def test_what_the_head_is_not_asked_is_a_fault(head):
    """It was asked by this very program."""
    async with head() as mine:
        mine.worker.ask("what?")
        with pytest.raises(ExceptionGroup) as raised:
            await mine.post.serve()
        assert raised.group_contains(TypeError, match="the head is not asked 'what\\?'")
