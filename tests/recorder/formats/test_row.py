"""The row of a trajectory file."""

from __future__ import annotations

from typing import Any

import pytest
from inline_snapshot import snapshot

from recorder.events import (
    ModelFailed,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    timestamp,
)
from recorder.formats import hermes, load, row
from recorder.formats.hermes_reading import OWN_KEYS
from recorder.formats.turns import same_turns
from recorder.messages import Message, Times, ToolCall, Usage
from recorder.session import Session, fold

parse: Any = load("messages").parse
TOOLS = (
    {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}},
    {"type": "function", "function": {"name": "g"}},
    {"function": {}},
)


def took(started: float, finished: float) -> Times:
    """Say when something began and was done, in seconds."""
    return Times(timestamp(started), None, timestamp(finished))


def whole_session() -> Session:
    """Fold a session that failed once, called two tools of three and was scored."""
    kinds = [
        (
            SessionStarted,
            {
                "prompt_index": 4,
                "sample": 1,
                "messages": (Message("user", "count"),),
                "toolsets": ("files",),
                "sandbox": "bwrap",
                "model": "asked-for",
                "provider": "local",
                "metadata": {"source": "s"},
                "flags": ("drift",),
            },
        ),
        (ModelFailed, {"attempt": 1, "failure": "timeout", "usage": Usage(input=1)}),
        (
            ModelReplied,
            {
                "calls": (ToolCall("a", "f", "{}"), ToolCall("b", "h", "{")),
                "model": "answered",
                "usage": Usage(10, 5, 2, 1, cost_usd=0.25),
                "times": took(1, 2.5),
            },
        ),
        (ToolReturned, {"call_id": "b", "status": "invalid", "times": took(3, 3.25)}),
        (ToolReturned, {"call_id": "a", "status": "ok", "output": "3", "times": took(3, 4)}),
        (ModelReplied, {"text": "3", "times": took(4, 5)}),
        (Scored, {"rewards": {"verify": 1.0}, "source": "verify"}),
        (SessionEnded, {"outcome": "completed", "reason": "answered"}),
    ]
    events = [
        kind(session="x", seq=seq, ts=timestamp(seq * 1.5), **fields)
        for seq, (kind, fields) in enumerate(kinds)
    ]
    declared = ToolsDeclared(session="", seq=0, ts=timestamp(0), tools_hash="h", tools=TOOLS)
    return fold([declared, *events])


def test_a_row_says_everything_there_is_to_sort_rows_by():
    """All tools have statistics, called or not; times and costs add up; oddities are flagged."""
    found = row.render(whole_session(), "run-1")
    assert found.pop("conversations") == hermes.render(whole_session())["conversations"]
    assert found == snapshot(
        {
            "id": "x",
            "prompt_index": 4,
            "sample": 1,
            "completed": True,
            "partial": False,
            "outcome": "completed",
            "exit_reason": "answered",
            "error": None,
            "model": "answered",
            "provider": "local",
            "api_calls": 3,
            "toolsets_used": ["files"],
            "sandbox": "bwrap",
            "tool_stats": {
                "f": {"count": 1, "success": 1, "failure": 0},
                "g": {"count": 0, "success": 0, "failure": 0},
                "h": {"count": 1, "success": 0, "failure": 1},
            },
            "tool_error_counts": {"f": 0, "g": 0, "h": 1},
            "usage": {"input": 11, "output": 5, "cached": 2, "reasoning": 1, "estimated": False},
            "cost_usd": 0.25,
            "rewards": {"verify": 1.0},
            "timing": {
                "started": "1970-01-01T00:00:00.000Z",
                "finished": "1970-01-01T00:00:10.500Z",
                "seconds": 10.5,
                "attempts": 1,
                "model_s": 2.5,
                "tool_s": 1.25,
            },
            "flags": ["drift", "invalid_arguments:2:1"],
            "metadata": {"source": "s"},
            "run": "run-1",
        }
    )


def test_the_keys_of_a_row_are_those_that_reading_knows():
    """Nothing of a row is taken for metadata when it is read back."""
    assert row.render(whole_session()).keys() == OWN_KEYS


def test_a_row_can_be_read_back_with_what_a_session_holds():
    """Place, model, metadata, rewards and the end come back with the turns."""
    session: Any = whole_session()
    again: Any = hermes.parse(row.render(session, "run-1"))
    hermes.verify(session, row.render(session))
    assert (again.id, again.rewards) == (session.id, session.rewards)
    assert again.started.metadata == session.started.metadata
    assert (again.started.prompt_index, again.started.sample) == (4, 1)
    assert (again.started.model, again.ended.reason) == ("answered", "answered")


def test_a_session_that_has_hardly_begun_has_a_row_too():
    """What is not known is None or empty, and nothing is completed."""
    found = row.render(Session())
    assert (found["completed"], found["partial"], found["outcome"]) == (False, False, None)
    assert found["timing"] == {
        "started": None,
        "finished": None,
        "seconds": None,
        "attempts": 1,
        "model_s": None,
        "tool_s": None,
    }
    assert (found["model"], found["provider"], found["metadata"]) == ("", "", {})
    assert (found["exit_reason"], found["error"], found["cost_usd"]) == ("", None, None)


def test_a_session_that_was_cut_short_is_partial():
    """It has turns of the model, and no answer that ended it."""
    started = SessionStarted(session="x", seq=0, ts=timestamp(0), model="asked-for")
    reply = ModelReplied(session="x", seq=1, ts=timestamp(2.5), text="so")
    found = row.render(fold([started, reply]))
    assert (found["partial"], found["completed"], found["model"]) == (True, False, "asked-for")
    assert found["timing"]["seconds"] == 2.5
    assert found["timing"]["finished"] is None


def test_a_session_that_went_on_says_how_often_and_what_had_changed():
    """Rows of one kind can be picked out by their flags."""
    started = SessionStarted(session="x", seq=0, ts=timestamp(0), flags=("odd",))
    resumed = SessionResumed(
        session="x", seq=1, ts=timestamp(1), attempt=2, previous="crashed", drift=("model", "tools")
    )
    found = row.render(fold([started, resumed]))
    assert found["timing"]["attempts"] == 2
    assert found["flags"] == ["odd", "drift:model", "drift:tools"]


def test_a_clock_that_was_set_back_makes_no_time_negative():
    """Neither of the whole session nor of one reply or result among several."""
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
    kinds = [
        (SessionStarted, {}),
        (ModelReplied, {"calls": calls, "times": took(9.0, 5.0)}),
        (ToolReturned, {"call_id": "a", "times": took(5.0, 1.0)}),
        (ToolReturned, {"call_id": "b", "times": took(1.0, 1.5)}),
        (SessionEnded, {"outcome": "completed"}),
    ]
    told = enumerate(kinds)
    events = [
        kind(session="s", seq=n, ts=timestamp(9.0 - n), **fields) for n, (kind, fields) in told
    ]
    timing = row.render(fold(events))["timing"]
    assert (timing["seconds"], timing["model_s"], timing["tool_s"]) == (0.0, 0.0, 0.5)


@pytest.mark.parametrize("began", ["2026-05-04T10:20:30.250Z", "2026-05-04T10:20:30.25+00:00"])
@pytest.mark.parametrize(
    ("ended", "seconds"),
    [
        ("2026-05-04T10:20:30.250Z", 0.0),
        ("2026-05-04T10:20:59.999Z", 29.749),
        ("2026-05-04T10:21:00.000Z", 29.75),
        ("2026-05-04T11:20:30.250Z", 3600.0),
        ("2026-05-04T12:20:31.250+02:00", 1.0),
        ("2026-05-04T10:20:29.250Z", 0.0),
    ],
)
def test_times_are_told_whatever_lies_between(began, ended, seconds):
    """Within a minute or over several, and in whatever way ISO 8601 writes a moment."""
    times = Times(started=began, finished=ended)
    events = [
        SessionStarted(session="s", seq=0, ts=timestamp(0)),
        ModelReplied(session="s", seq=1, ts=timestamp(1), text="Hi", times=times),
    ]
    assert row.render(fold(events))["timing"]["model_s"] == seconds


STRAYS = [
    {"role": "tool", "tool_call_id": "ghost", "content": "before any call"},
    {"role": "user", "content": "q"},
    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]},
    {"role": "tool", "tool_call_id": "c", "content": "r"},
    {"role": "tool", "tool_call_id": "c", "content": "again"},
    {"role": "tool", "tool_call_id": "d", "content": {"fits": "nothing"}},
]


@pytest.mark.parametrize("name", ["hermes", "messages"])
def test_results_that_fit_no_call_are_kept_beside_the_turns(name):
    """They are read back as what they were, and are nobody's metadata then."""
    session = parse({"id": "x", "messages": STRAYS, "split": "train"})
    strays = [
        {"call_id": "ghost", "output": "before any call"},
        {"call_id": "d", "output": {"fits": "nothing"}},
        {"call_id": "c", "output": "again"},
    ]
    written = load(name).render(session)
    found = {**written, "id": "x", "metadata": row.render(session)["metadata"]}
    assert found["metadata"] == {"split": "train", "orphan_results": strays}
    again: Any = load(name).parse(found)
    assert [{"call_id": o.call_id, "output": o.output} for o in again.orphans] == strays
    assert again.started.metadata == {"split": "train"}
    assert same_turns(again) == same_turns(session)
    assert row.render(again)["metadata"] == found["metadata"]


def test_metadata_of_somebody_s_own_are_not_written_over():
    """Nor read as ours, where the row has no result that fits nothing."""
    own = {"orphan_results": "mine"}
    session = parse({"messages": STRAYS, "metadata": own})
    assert row.render(session)["metadata"] == own
    plain = {"messages": STRAYS[1:2], "metadata": own, "flags": ["picture:0"], "origins": ["user"]}
    assert parse(plain).started.metadata == own


def test_what_nobody_counted_is_not_nought():
    """Rows of others do not say what their replies took, nor that there were no tools."""
    session = parse({"messages": STRAYS})
    usage = row.render(session)["usage"]
    assert [usage[name] for name in ("input", "output", "cached", "reasoning")] == [None] * 4
    assert session.started.tools_hash == ""
    told = fold(
        [
            SessionStarted(session="x", seq=0, ts=timestamp(0)),
            ModelReplied(session="x", seq=1, ts=timestamp(0), usage=Usage()),
        ]
    )
    assert row.render(told)["usage"]["input"] == 0


def test_statistics_are_of_all_tools_that_sessions_of_the_run_may_have():
    """Rows of one run are of one schema, whichever tools each session got."""
    stamp: Any = {"session": "s", "ts": timestamp(0)}
    started = SessionStarted(**stamp, seq=0, run_tools=("e", "f"))
    session = fold([started], Session(id="s", tools=TOOLS))
    zero = {"count": 0, "success": 0, "failure": 0}
    written = row.render(session)
    assert written["tool_stats"] == {"e": zero, "f": zero, "g": zero}
    assert written["tool_error_counts"] == {"e": 0, "f": 0, "g": 0}
