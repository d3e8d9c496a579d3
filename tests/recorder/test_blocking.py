"""The record for agents that are not async."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import recorder
from recorder.blocking import BlockingRecording
from recorder.errors import MisuseError, RunExistsError
from recorder.run_directory import FAILED, STATISTICS, TRAJECTORIES
from recorder.session import Session
from recorder.steps import Step

SCHEMAS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


@contextmanager
def session_in(directory) -> Iterator[BlockingRecording]:
    """Record one session in a run of its own."""
    with recorder.open_sync(directory) as record, record.session("Hi", id="s") as session:
        yield session


def fail_in(directory, error):
    """Record a session whose block raises *error*."""
    with session_in(directory) as session:
        session.model_replied(text="Ho")
        raise error


def folded(directory) -> Session:
    """Fold the session of that run from its journal."""
    return recorder.fold_journal(directory / "journal").sessions["s"]


def rows(path):
    """Read rows."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_an_agent_without_an_event_loop_records_what_it_does(tmp_path):
    """The example of the documentation, blocking: the row and the statistics are written."""
    with recorder.open_sync(tmp_path / "mine") as record:
        with record.session(prompt="What is 1 + 1?", tools=SCHEMAS, model="m") as session:
            calls = [{"id": "c", "name": "add", "arguments": '{"a": 1, "b": 1}'}]
            session.model_replied(text="Let me see.", calls=calls, usage={"input": 3, "output": 2})
            session.tool_returned("c", "2")
            session.model_replied(text="2")
        [row] = rows(tmp_path / "mine" / TRAJECTORIES)
    assert (row["completed"], row["outcome"], row["model"]) == (True, "completed", "m")
    assert row["tool_stats"] == {"add": {"count": 1, "success": 1, "failure": 0}}
    assert [turn["from"] for turn in row["conversations"]] == [
        "system",
        "human",
        "gpt",
        "tool",
        "gpt",
    ]
    assert rows(tmp_path / "mine" / FAILED) == []
    statistics = json.loads((tmp_path / "mine" / STATISTICS).read_bytes())
    assert statistics["outcomes"] == {"completed": 1}


def test_every_fact_can_be_recorded(tmp_path):
    """What stands in the journal is what the session shows."""
    with session_in(tmp_path) as session:
        session.model_replied(calls=[{"id": "c", "name": "f", "arguments": ""}])
        session.tool_started("c", effect="read")
        session.tool_returned("c", {"n": 1}, status="ok", exit_code=0)
        session.user_spoke("go on", origin="harness")
        session.scored({"verify": 1.0}, source="tests")
        session.end("limit", reason="turns", error="too many")
        shown = session.session
    assert shown == folded(tmp_path)
    assert isinstance(shown.turns[1], Step)
    assert (len(shown.turns[1].started), len(shown.turns[1].results)) == (1, 1)
    assert shown.rewards == {"verify": 1.0}
    assert shown.ended is not None
    assert (shown.ended.outcome, shown.ended.reason, shown.ended.error) == (
        "limit",
        "turns",
        "too many",
    )


def test_what_was_recorded_is_on_the_disk_when_that_was_asked_for(tmp_path):
    """Another reader finds it while the session goes on."""
    with session_in(tmp_path) as session:
        session.model_replied(text="Ho")
        session.durable()
        assert folded(tmp_path) == session.session
        assert session.session.ended is None


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("mine"), "tool_error"),
        (ExceptionGroup("mine", [ValueError("too")]), "tool_error"),
        (StopIteration("mine"), "tool_error"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(3), "interrupted"),
    ],
)
def test_what_the_block_raises_comes_out_as_it_is(tmp_path, error, outcome):
    """No group is put around it, and the session has ended with its row."""
    with pytest.raises(type(error)) as caught:
        fail_in(tmp_path, error)
    assert caught.value is error
    [row] = rows(tmp_path / FAILED)
    assert (row["id"], row["outcome"]) == ("s", outcome)
    assert type(error).__name__ in row["error"]
    ended = folded(tmp_path).ended
    assert ended is not None
    assert ended.outcome == outcome


def test_what_the_record_raises_comes_out_as_it_is(tmp_path):
    """A mistake of the caller is one, and the session goes on."""
    with session_in(tmp_path) as session:
        with pytest.raises(MisuseError, match="no field mood"):
            session.model_replied(mood="good")  # type: ignore[call-arg]
        session.model_replied(text="Ho")
    assert folded(tmp_path).replies == 1
    with pytest.raises(RunExistsError), session_in(tmp_path):
        pytest.fail("there is a run already")


def test_several_threads_may_record_at_once(tmp_path):
    """Their sessions stand side by side, each whole."""
    with recorder.open_sync(tmp_path) as record, ThreadPoolExecutor(4) as threads:

        def run(number):
            with record.session(f"Say {number}", id=f"s{number}") as session:
                for turn in range(3):
                    session.model_replied(text=f"{number}.{turn}")
                    session.user_spoke("again")

        list(threads.map(run, range(8)))
    sessions = recorder.fold_journal(tmp_path / "journal").sessions
    assert sessions.keys() == {f"s{number}" for number in range(8)}
    for number in range(8):
        steps = [turn for turn in sessions[f"s{number}"].turns if isinstance(turn, Step)]
        assert [step.reply.text for step in steps] == [f"{number}.{turn}" for turn in range(3)]
    assert {row["id"] for row in rows(tmp_path / TRAJECTORIES)} == sessions.keys()


def test_a_thread_may_record_into_the_session_of_another(tmp_path):
    """Facts are numbered in the order in which they came."""
    with session_in(tmp_path) as session, ThreadPoolExecutor(4) as threads:
        list(threads.map(session.user_spoke, range(20)))
    assert folded(tmp_path).seq == 22
