"""Chat messages, read from anybody and written for anybody."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.errors import FormatError
from recorder.events import ModelReplied, timestamp
from recorder.formats import load
from recorder.messages import Message, ToolCall
from recorder.session import Session
from recorder.steps import Step

parse: Any = load("messages").parse
render = load("messages").render
LIMIT = "You've reached the maximum number of tool-calling iterations allowed."
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def reply(**fields):
    """Read one assistant message."""
    return parse({"messages": [{"role": "assistant", **fields}]}).turns[-1].reply


def test_a_row_becomes_a_session_with_the_right_provenance():
    """The opening is given, replies are the model's, results have no status, later users speak."""
    session = parse(
        {
            "id": "x",
            "tools": [{"name": "f"}],
            "split": "train",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "q", "name": "ann"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c", "content": "r"},
                {"role": "user", "content": "more"},
            ],
        }
    )
    opening = (Message("system", "s"), Message("user", "q", name="ann"))
    assert session.started.messages == session.turns[:2] == opening
    step = session.turns[2]
    assert (step.reply.origin, step.reply.calls) == ("model", (ToolCall("c", "f", '{"a":1}'),))
    assert [(result.output, result.status) for result in step.results] == [("r", None)]
    assert session.turns[3] == Message("user", "more", "dataset")
    assert (session.id, session.replies, session.seq) == ("x", 1, 4)
    assert session.started.metadata == {"split": "train"}
    assert session.began == session.last == timestamp(0)


@pytest.mark.parametrize("tools", ['[{"name": "f"}]', [{"name": "f"}]])
def test_tools_may_be_json_text(tools):
    """Some data sets keep them so."""
    assert parse({"prompt": "q", "tools": tools}).tools == ({"name": "f"},)
    assert parse({"prompt": "q", "tools": " "}).tools == ()


def test_a_prompt_is_the_first_user_turn_where_there_is_none():
    """It stands behind the system messages; a user who speaks anywhere makes it superfluous."""
    system, assistant = {"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}
    session = parse({"prompt": "p", "messages": [system, assistant]})
    assert [type(turn) for turn in session.turns] == [Message, Message, Step]
    assert session.turns[1] == Message("user", "p")
    spoken = parse({"prompt": "p", "messages": [assistant, {"role": "user", "content": "q"}]})
    assert [type(turn) for turn in spoken.turns] == [Step, Message]
    assert parse({"prompt": "p"}).turns == (Message("user", "p"),)
    assert parse({"messages": [system]}).turns == (Message("system", "s"),)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({}, None),
        ({"reasoning": " \n", "reasoning_content": ""}, None),
        ({"reasoning": "a", "reasoning_content": "b"}, "a"),
        ({"reasoning": "", "reasoning_content": "b", "reasoning_details": [{"text": "c"}]}, "b"),
        ({"reasoning_details": [{"text": "c"}, {"summary": "d"}, "e", 3, {}]}, "c\nd\ne"),
        ({"reasoning_details": "none"}, None),
        ({"reasoning": ["a", {"type": "text", "text": "b"}]}, "a\nb"),
        ({"reasoning": {"effort": "high"}}, '{"effort": "high"}'),
    ],
)
def test_reasoning_is_taken_from_the_first_field_that_says_something(fields, reasoning):
    """Whatever shape a server gave it."""
    assert reply(content="x", **fields).reasoning == reasoning


@pytest.mark.parametrize(
    ("call", "read"),
    [
        (CALL, ToolCall("c", "f", '{"a":1}')),
        ({"name": "f", "arguments": {"a": "é"}}, ToolCall("", "f", '{"a": "é"}')),
        ({"id": 3, "function": {"name": None}}, ToolCall("3", "", "")),
        ({"id": None, "function": {"name": "f", "arguments": None}}, ToolCall("", "f", "null")),
        ({"function": {"name": "f", "arguments": float("nan")}}, ToolCall("", "f", "NaN")),
    ],
)
def test_calls_of_any_shape_are_kept_as_they_came(call, read):
    """Raw arguments are never touched, objects are written down."""
    assert reply(tool_calls=[None, call]).calls == (read,)
    assert reply(tool_calls=None).calls == ()


def test_a_refusal_and_a_prefill_are_told_from_an_answer():
    """Neither is lost."""
    assert reply(content=None, refusal="no").refusal == "no"
    assert reply(content="", _thinking_prefill=True).flags == ("prefill",)


@pytest.mark.parametrize(
    ("message", "origin"),
    [
        ({"content": "q"}, "dataset"),
        ({"content": "q", "origin": "harness"}, "harness"),
        ({"content": "q", "origin": ["user"]}, "dataset"),
        ({"content": f"{LIMIT} Please sum up."}, "harness"),
    ],
)
def test_turns_of_a_harness_are_known_by_what_they_say(message, origin):
    """Either the message names its origin, or its words are a harness's own."""
    assert parse({"messages": [{"role": "user", **message}]}).turns[0].origin == origin


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({}, 'needs "messages"'),
        ({"messages": "q"}, "'messages' is no list"),
        ({"messages": ["q"]}, "message 0 is no"),
        ({"messages": [{"role": "user"}, {"role": 3}]}, "message 1 is no"),
        ({"messages": [{"role": "assistant", "tool_calls": {"id": "c"}}]}, "message 0 are no list"),
        ({"messages": [{"role": "assistant", "tool_calls": ["f"]}]}, "message 0 has a tool call"),
        ({"prompt": "q", "tools": {"name": "f"}}, "'tools' is no list"),
        ({"prompt": "q", "tools": ["f"]}, "no object"),
        ({"prompt": "q", "tools": "{"}, "is no JSON"),
        ({"prompt": "q", "tools": "[" * 100_000}, "is no JSON"),
        ({"prompt": object()}, "no JSON form"),
    ],
)
def test_a_row_of_another_shape_is_a_format_error(row, complaint):
    """The error says what is wrong, and where."""
    with pytest.raises(FormatError, match=complaint):
        parse(row)


def test_messages_are_written_as_trainers_take_them():
    """Objects for arguments, reasoning in its own field, content always a string."""
    row = {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image"}]},
            {
                "role": "assistant",
                "content": "<think>\nr\n</think>\na",
                "tool_calls": [CALL, {**CALL, "id": "d"}, {**CALL, "id": "e"}],
            },
            {"role": "tool", "tool_call_id": "d", "content": {"b": 2}},
            {"role": "tool", "tool_call_id": "c", "content": None},
            {"role": "tool", "tool_call_id": "c", "content": "second"},
            {"role": "assistant", "content": None, "_thinking_prefill": True},
            {"role": "developer", "content": "d", "name": "n"},
        ],
        "tools": [{"name": "f"}],
    }
    function = {"name": "f", "arguments": {"a": 1}}
    assert render(parse(row)) == {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "q\n[image]"},
            {
                "role": "assistant",
                "content": "a",
                "reasoning_content": "r",
                "tool_calls": [
                    {"id": call_id, "type": "function", "function": function} for call_id in "cde"
                ],
            },
            {"role": "tool", "tool_call_id": "c", "name": "f", "content": ""},
            {"role": "tool", "tool_call_id": "d", "name": "f", "content": '{"b": 2}'},
            {"role": "developer", "content": "d"},
        ],
        "tools": [{"name": "f"}],
    }


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ('{"a": [1, {"b": 2.5}], "c": true}', {"a": [1, {"b": 2.5}], "c": True}),
        ("{}", {}),
        ("", ""),
        ("[1]", "[1]"),
        ('"x"', '"x"'),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ('{"a": [9223372036854775807]}', {"a": [2**63 - 1]}),
        ('{"a": [-9223372036854775808]}', {"a": [-(2**63)]}),
        ('{"a": [9223372036854775808]}',) * 2,
        ('{"a": {"b": -9223372036854775809}}',) * 2,
    ],
)
def test_arguments_are_objects_where_any_reader_takes_them(raw, written):
    """Integers beyond 64 bits would become floats on load, so they stay text."""
    call = ToolCall("c", "f", raw)
    answered = ModelReplied(session="s", seq=1, ts=timestamp(0), calls=(call,))
    (message,) = render(Session(turns=(Step(answered),)))["messages"]
    assert message["tool_calls"][0]["function"]["arguments"] == written
