"""What the head does about a worker that is gone."""

from __future__ import annotations

import json

import msgspec
import pytest

from hermes_run.workers.crew import NOTHING, Crew, closed, together
from hermes_run.workers.post import InHand
from recorder.events import SessionEnded, SessionStarted
from recorder.messages import Message
from tests.hermes_run.workers.conftest import TS, WRITTEN


@pytest.mark.parametrize("heard", [0, 1, 2])
async def test_a_session_that_ended_with_its_worker_gets_its_row(head, tmp_path, heard):
    """Whatever the head had heard of it is counted once."""
    asked = (Message("user", "x"),)
    events = [
        SessionStarted(session="a-0", seq=0, ts=TS, prompt_key="a", messages=asked),
        SessionEnded(session="a-0", seq=1, ts=TS, outcome="completed"),
    ]
    async with head("a", workers=2) as mine:
        record = mine.run.record
        for event in events:
            await record.journal.accept(event)
        await record.durable()
        for event in events[:heard]:
            await record.note(event)
        crew = Crew(mine.run.plan, mine.desk.draw, mine.desk.door)
        one = InHand(await mine.desk.draw.next(), heard, is_open=heard == 1)
        crew._trays[0].in_hand["a-0"], crew._posts[0] = one, mine.post
        assert crew.cut == (heard == 1)
        assert await crew._take_over(0, "it was killed") == (heard < 2)
        assert (crew.cut, crew._trays[0].in_hand, crew._trays[0].left) == (0, {}, [])
        statistics = record.statistics.value()
        assert (statistics.started, statistics.outcomes) == (1, {"completed": 1})
    (row,) = (tmp_path / "run" / "trajectories.jsonl").read_text().splitlines()
    assert json.loads(row)["id"] == "a-0"


async def test_a_session_of_which_nothing_came_is_handed_out_again(head):
    """As if it had not been handed out."""
    async with head("a", workers=2) as mine:
        crew = Crew(mine.run.plan, mine.desk.draw, mine.desk.door)
        one = InHand(await mine.desk.draw.next())
        crew._trays[1].in_hand["a-0"], crew._posts[1] = one, mine.post
        mine.post.journal = WRITTEN
        assert not await crew._take_over(1, "it was killed")
        assert (crew._trays[1].left, crew._trays[1].in_hand, crew.cut) == ([one], {}, 0)
        assert crew.journal() == closed(WRITTEN)


def test_several_journals_stand_as_one():
    """What is paused anywhere is paused; the longest silence counts."""
    other = msgspec.structs.replace(WRITTEN, accepted=7, idle_s=3.0, paused="no room")
    both = together([WRITTEN, other])
    assert (both.accepted, both.durable, both.commits, both.bytes) == (9, 4, 2, 198)
    assert (both.idle_s, both.paused) == (3.0, "no room")
    assert together([]) == NOTHING


def test_what_a_dead_worker_had_not_written_waits_no_more():
    """What it had written stays counted."""
    journal = msgspec.structs.replace(WRITTEN, accepted=7, idle_s=3.0, paused="no room")
    assert closed(journal) == WRITTEN
