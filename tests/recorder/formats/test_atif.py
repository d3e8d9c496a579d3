"""ATIF documents, and what reading them gives back."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.errors import FormatError
from recorder.events import (
    ModelFailed,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    UserSpoke,
    timestamp,
)
from recorder.formats import load
from recorder.formats.style import Style
from recorder.formats.turns import same_turns
from recorder.messages import Message, Times, ToolCall, Usage
from recorder.session import Session, fold

parse: Any = load("atif").parse
render = load("atif").render
TS = "2026-11-22T17:00:00.000Z"
LATER = "2026-11-22T17:00:05.250Z"
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}


def session_of(*facts, ts=TS, tools=(), **started):
    """Fold a session of what follows its start."""
    begin = {"messages": (Message("user", "q"),), **started}
    events: list[Any] = [
        ToolsDeclared(session="", seq=0, ts=ts, tools_hash="h", tools=tools),
        SessionStarted(session="s", seq=0, ts=ts, tools_hash="h", **begin),
    ]
    for seq, (kind, fields) in enumerate(facts, 1):
        events.append(kind(**{"session": "s", "seq": seq, "ts": LATER, **fields}))
    return fold(events)


def test_a_session_becomes_a_document():
    """With its tools, its times, its tokens, and what there is to know of the whole."""
    reply = {
        "text": "t",
        "reasoning": "r",
        "calls": (ToolCall("a", "f", '{"x":1}'),),
        "model": "m-2",
        "usage": Usage(input=5, output=4, cached=3, reasoning=2, cost_usd=0.5),
        "token_ids": (1, 2),
        "logprobs": (-0.5, -1.0),
        "finish_reason": "tool_calls",
    }
    session = session_of(
        (ModelReplied, reply),
        (ToolReturned, {"call_id": "a", "status": "ok", "output": "o", "exit_code": 0}),
        (Scored, {"rewards": {"verify": 1.0}, "source": "x"}),
        (SessionEnded, {"outcome": "limit", "reason": "turns"}),
        tools=(TOOL,),
        model="m",
        provider="p",
        sampling={"temperature": 0},
        metadata={"split": "train"},
    )
    document: Any = render(session)
    assert document["schema_version"] == "ATIF-v1.7"
    assert document["session_id"] == document["trajectory_id"] == "s"
    assert document["agent"]["model_name"] == "m"
    assert document["agent"]["tool_definitions"] == [TOOL]
    assert document["agent"]["extra"] == {
        "provider": "p",
        "tools_hash": "h",
        "sampling": {"temperature": 0},
    }
    user, agent = document["steps"]
    assert user == {
        "step_id": 1,
        "timestamp": TS,
        "source": "user",
        "message": "q",
        "extra": {"origin": "dataset"},
    }
    assert agent == {
        "step_id": 2,
        "timestamp": LATER,
        "source": "agent",
        "model_name": "m-2",
        "message": "t",
        "reasoning_content": "r",
        "tool_calls": [{"tool_call_id": "a", "function_name": "f", "arguments": {"x": 1}}],
        "observation": {
            "results": [
                {
                    "source_call_id": "a",
                    "content": "o",
                    "extra": {"status": "ok", "exit_code": 0},
                }
            ]
        },
        "metrics": {
            "prompt_tokens": 5,
            "completion_tokens": 4,
            "cached_tokens": 3,
            "cost_usd": 0.5,
            "completion_token_ids": [1, 2],
            "logprobs": [-0.5, -1.0],
            "extra": {"reasoning_tokens": 2},
        },
        "llm_call_count": 1,
        "extra": {"finish_reason": "tool_calls"},
    }
    assert document["final_metrics"] == {
        "total_prompt_tokens": 5,
        "total_completion_tokens": 4,
        "total_cached_tokens": 3,
        "total_steps": 2,
        "total_cost_usd": 0.5,
        "extra": {"api_calls": 1, "reasoning_tokens": 2},
    }
    known = {name: document["extra"][name] for name in ("outcome", "exit_reason", "rewards")}
    assert known == {"outcome": "limit", "exit_reason": "turns", "rewards": {"verify": 1.0}}
    assert document["extra"]["metadata"] == {"split": "train"}


def test_what_was_written_is_read_back():
    """Who answered, when, for how much, and how the calls went."""
    reply = {
        "text": "t",
        "calls": (ToolCall("a", "f", "{}"),),
        "model": "m-2",
        "response_id": "x",
        "times": Times(started=TS, finished=LATER),
        "usage": Usage(input=5, output=4, cost_usd=0.5, estimated=True),
        "token_ids": (1,),
        "logprobs": (None,),
        "provider_state": [{"opaque": 1}],
        "flags": ("cut",),
    }
    result = {"call_id": "a", "status": "timeout", "output": 3, "bytes": 9, "flags": ("cut",)}
    session: Any = session_of(
        (ModelReplied, reply),
        (ToolReturned, {**result, "times": Times(started=TS)}),
        (SessionEnded, {"outcome": "completed", "error": "e"}),
        tools=(TOOL,),
        model="m",
        provider="p",
        sample=2,
    )
    again = parse(render(session))
    assert again.turns[1].reply == session.turns[1].reply
    (found,) = again.turns[1].results
    assert (found.status, found.output, found.bytes, found.flags) == ("timeout", 3, 9, ("cut",))
    assert (again.began, again.last, again.usage) == (TS, LATER, session.usage)
    assert (again.started.model, again.started.provider, again.started.sample) == ("m", "p", 2)
    assert (again.ended.outcome, again.ended.error, again.tools) == ("completed", "e", (TOOL,))


def test_a_result_of_nothing_is_read_back_as_nothing():
    """It does not become the text that JSON has for it."""
    session: Any = session_of(
        (ModelReplied, {"calls": (ToolCall("a", "f", "{}"),)}),
        (ToolReturned, {"call_id": "a", "status": "ok", "output": None}),
        tools=(TOOL,),
    )
    (found,) = parse(render(session)).turns[1].results
    assert found.output is None


def test_calls_get_ids_of_their_own_and_arguments_that_are_an_object():
    """What was recorded stands beside that, is flagged, and comes back."""
    calls = (
        ToolCall("", "f", "{broken"),
        ToolCall("a", "f", ""),
        ToolCall("a", "f", '{"n": 9223372036854775808}'),
        ToolCall("call_5", "f", "[1]"),
        ToolCall("", "f", '{"a": 1, "a": 2}'),
    )
    document: Any = render(session_of((ModelReplied, {"calls": calls})))
    written = document["steps"][1]["tool_calls"]
    assert [one["tool_call_id"] for one in written] == [
        "call_1",
        "a",
        "call_3",
        "call_5",
        "call_5_",
    ]
    assert {str(one["arguments"]) for one in written} == {"{}"}
    assert [f"invalid_arguments:2:{n}" for n in range(5)] == [
        flag for flag in document["extra"]["flags"] if flag.startswith("invalid")
    ]
    assert "unanswered_call:2:4" in document["extra"]["flags"]
    assert parse(document).turns[1].reply.calls == calls


def test_results_that_fit_no_call_are_kept_and_flagged():
    """In the observation without a call, and beside the steps where there was none to observe."""
    document: Any = render(
        session_of(
            (ToolReturned, {"call_id": "x", "output": "early"}),
            (ModelReplied, {"calls": (ToolCall("a", "f", "{}"),)}),
            (ToolReturned, {"call_id": "a", "output": "one"}),
            (ToolReturned, {"call_id": "a", "output": "two"}),
            (ToolReturned, {"call_id": "b", "output": "three"}),
        )
    )
    assert document["steps"][1]["observation"]["results"] == [
        {"source_call_id": "a", "content": "one"},
        {"source_call_id": "a", "content": "two", "extra": {"fits": "duplicate"}},
        {"content": "three", "extra": {"call_id": "b", "fits": "nothing"}},
    ]
    assert document["extra"]["flags"] == ["orphan_result", "duplicate_result:2", "orphan_result:2"]
    again = parse(document)
    assert [(one.call_id, one.output) for one in again.orphans] == [("x", "early")]
    assert [one.call_id for one in again.turns[1].results] == ["a", "a", "b"]


def test_who_spoke_stands_on_every_step():
    """What the model did not say in this session is not trained on."""
    session = session_of(
        (UserSpoke, {"content": "h", "origin": "harness"}),
        (UserSpoke, {"content": "x", "role": "\ud800"}),
        (ModelReplied, {"text": "given", "origin": "dataset", "usage": Usage(input=1)}),
        (ModelReplied, {"text": "stated", "origin": "harness"}),
        (ModelReplied, {"text": "thought", "reasoning": "r", "origin": "harness"}),
        (ModelReplied, {"text": "", "flags": ("prefill",)}),
        messages=(Message("developer", "d"), Message("user", "q", name="ann")),
    )
    document: Any = render(session)
    developer, user, harness, other, given, stated, thought = document["steps"]
    assert developer["extra"] == {"origin": "dataset", "role": "developer"}
    assert (developer["source"], other["source"]) == ("system", "system")
    assert user["extra"] == {"origin": "dataset", "name": "ann"}
    assert harness["extra"] == {"origin": "harness"}
    assert given["is_copied_context"] is True
    assert "metrics" not in given
    assert stated["llm_call_count"] == 0
    assert thought["is_copied_context"] is True
    flags = ["harness_turn:3", "other_role:4", "harness_turn:6", "harness_turn:7"]
    assert document["extra"]["flags"] == [*flags, "dropped_turn:8:prefill"]
    assert document["extra"]["escaped"] is True
    again = parse(document)
    assert again.turns[1] == session.turns[1]
    assert [turn.origin for turn in again.turns[:4]] == ["dataset"] * 2 + ["harness", "user"]
    assert [turn.reply.origin for turn in again.turns[4:]] == ["dataset", "harness", "harness"]
    assert again.turns[3].role == "\ud800"


def test_a_system_message_that_came_later_is_not_taken_for_the_system_prompt():
    """Where nothing but a prefill came before it, it is left out, and flagged."""
    prefill = (ModelReplied, {"text": "p", "flags": ("prefill",)})
    session = session_of(
        prefill, (UserSpoke, {"content": "s", "role": "system"}), (ModelReplied, {}), messages=()
    )
    document: Any = render(session)
    assert [step["source"] for step in document["steps"]] == ["agent"]
    dropped = ["dropped_turn:1:prefill", "dropped_turn:1:system"]
    assert document["extra"]["flags"] == [*dropped, "empty_reply:1"]
    assert same_turns(parse(document)) == same_turns(session)


def test_a_cost_stands_on_every_reply_or_on_none():
    """One that does not stands beside the metrics, and in the sum."""
    priced = {"text": "a", "usage": Usage(input=1, cost_usd=0.5)}
    document: Any = render(
        session_of(
            (ModelReplied, priced),
            (ModelFailed, {"attempt": 1, "failure": "x", "usage": Usage(input=2, cost_usd=0.25)}),
            (ModelFailed, {"attempt": 2, "failure": "x"}),
            (ModelReplied, {"text": "b", "logprobs": (float("-inf"),)}),
        )
    )
    first, second = (step["metrics"] for step in document["steps"][1:])
    assert "cost_usd" not in first
    assert first["extra"] == {"cost_usd": 0.5}
    assert second == {"extra": {"logprobs": [float("-inf")]}}
    total = document["final_metrics"]
    assert (total["total_prompt_tokens"], total["total_cost_usd"]) == (1, 0.75)
    assert total["extra"]["failed_attempts"] == {"input": 2, "cost_usd": 0.25}
    assert total["extra"]["api_calls"] == 4
    assert parse(document).usage == Usage(input=1, cost_usd=0.5)


def test_sums_that_are_estimates_say_so():
    """Where an endpoint gave no figures."""
    document: Any = render(session_of((ModelReplied, {"usage": Usage(input=1, estimated=True)})))
    assert document["final_metrics"]["extra"]["estimated"] is True


def test_pictures_with_an_address_are_parts():
    """Any other becomes a marker, and is flagged."""
    address = "https://example.org/a.jpeg"
    named = {"type": "image_url", "image_url": {"url": address}}
    inside = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"calls": (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))}
    session = session_of(
        (ModelReplied, call),
        (ToolReturned, {"call_id": "a", "output": [{"type": "text", "text": "t"}, named]}),
        (ToolReturned, {"call_id": "b", "output": [inside]}),
        messages=(Message("user", ["look", named, inside]), Message("user", [inside])),
    )
    document: Any = render(session)
    image = {"type": "image", "source": {"media_type": "image/jpeg", "path": address}}
    marker = {"type": "text", "text": "[image]"}
    first, second, reply = document["steps"]
    assert first["message"] == [{"type": "text", "text": "look"}, image, marker]
    assert second["message"] == "[image]"
    results = [one["content"] for one in reply["observation"]["results"]]
    assert results == [
        [{"type": "text", "text": "t"}, image],
        [{"type": "text", "text": "[screenshot]"}],
    ]
    assert document["extra"]["flags"] == ["picture:1", "picture:2", "picture:3:1"]
    read = parse(document).turns[0].content[1]
    assert read == {**named, "media_type": "image/jpeg"}


def test_reasoning_may_stand_in_the_text():
    """As a block at its head, and in no field of its own."""
    session = session_of((ModelReplied, {"text": "t", "reasoning": "r"}))
    document: Any = render(session, Style(reasoning="inline"))
    assert document["steps"][1]["message"] == "<think>\nr\n</think>\nt"
    assert "reasoning_content" not in document["steps"][1]


def test_a_session_without_turns_has_no_document():
    """The format wants a step."""
    with pytest.raises(FormatError, match="no turns"):
        render(fold([]))
    with pytest.raises(FormatError, match="no turns"):
        render(session_of((ModelReplied, {"flags": ("prefill",)}), messages=()))


def test_a_session_of_which_little_is_known_has_a_document():
    """No id, no start, no tools; tools that are bare become declarations."""
    begun = SessionStarted(session="", seq=0, ts=timestamp(0))
    session = fold([begun, ModelReplied(session="", seq=1, ts=timestamp(0), text="t")])
    document: Any = render(session)
    assert "session_id" not in document
    assert document["agent"].keys() == {"name", "version"}
    assert "timestamp" not in document["steps"][0]
    assert parse(document).turns[0].reply.text == "t"
    assert parse(render(Session(turns=session.turns))).turns[0].reply.text == "t"
    bare: Any = render(session_of(tools=({"name": "f"},)))
    assert bare["agent"]["tool_definitions"] == [{"type": "function", "function": {"name": "f"}}]
