"""What the head hears of a fact is what it counts, and little more."""

from __future__ import annotations

import pickle

from hypothesis import given, settings

from hermes_run.tools.schema import tool
from hermes_run.workers.messages import Facts, counted
from recorder.events import ModelReplied, SessionStarted, ToolReturned
from recorder.reader import Entry, read
from recorder.settings import JournalStatistics
from recorder.statistics import StatisticsFold
from tests.recorder.test_statistics_laws import streams

STANDS = JournalStatistics(accepted=1, durable=1, bytes=1, commits=1, idle_s=0.0, paused="no room")


@tool(effect="read")
async def echo(text: str) -> str:
    """Give the text back."""
    return text


@tool(effect="pure")
async def fail() -> str:
    """Fail."""
    raise ValueError("no")


def fold(events) -> object:
    """Count *events*."""
    statistics = StatisticsFold()
    for event in events:
        statistics.add(event)
    return statistics.value()


@given(streams())
def test_counting_what_is_told_gives_what_counting_the_facts_gives(stream):
    """Whatever happened in whichever order."""
    assert fold(map(counted, stream.events)) == fold(stream.events)


async def test_a_run_is_counted_alike_from_what_is_told(start_run, asks_for, tmp_path):
    """The journal of a run with calls that went well, failed, and were none."""
    rows = [{"id": name, "prompt": "x"} for name in ("a", "b")]
    script = [
        asks_for(("echo", '{"text": "hello"}'), ("fail", "{}")),
        asks_for(("echo", '{"text": '), ("nothing", "{}")),
        "done",
        "done",
    ]
    async with start_run(rows, script, [echo, fail], concurrency=1) as run:
        report = await run.finish()
    entries = read(tmp_path / "run" / "journal")
    events = [entry.event for entry in entries if isinstance(entry, Entry)]
    assert any(isinstance(event, ToolReturned) for event in events)
    assert fold(map(counted, events)) == fold(events) == report.statistics


@settings(max_examples=20)
@given(streams())
def test_what_is_told_keeps_its_place_and_can_be_sent(stream):
    """Whose fact it is, which one and of when; and nothing is lost on the way."""
    told = Facts(tuple(map(counted, stream.events)), STANDS)
    for event, mine in zip(stream.events, told.events, strict=True):
        assert type(mine) is type(event)
        assert (mine.session, mine.seq, mine.ts) == (event.session, event.seq, event.ts)
    assert pickle.loads(pickle.dumps(told)) == told


def test_what_was_said_is_not_told():
    """It stays where it is recorded."""
    stamp = {"session": "s", "seq": 0, "ts": "2026-11-22T17:00:00.000Z"}
    secret = "x" * 1000
    events = [
        SessionStarted(**stamp, metadata={"a": secret}),
        ModelReplied(**stamp, text=secret, reasoning=secret),
        ToolReturned(**stamp, status="ok", output=secret),
    ]
    assert all(len(pickle.dumps(counted(event))) < 500 for event in events)


def test_the_output_of_a_foreign_call_is_told():
    """Nobody said how it went, so it is judged by its text."""
    event = ToolReturned(session="s", seq=0, ts="2026-11-22T17:00:00.000Z", output="error: no")
    assert counted(event) == event
