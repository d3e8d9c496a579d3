"""Reading hermes rows, ours and other people's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recorder.errors import FormatError
from recorder.formats import load
from recorder.formats.hermes import verify
from recorder.messages import Message, ToolCall
from recorder.steps import Step

TOOLS = [
    {"type": "function", "function": {"name": "f", "description": "<tools>", "parameters": {}}}
]
CALL = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'


def read(*turns, **row) -> Any:
    """Read a row of turns given as speaker and value."""
    conversations = [{"from": who, "value": value} for who, value in turns]
    return load("hermes").parse({"conversations": conversations, **row})


def steps(session):
    """The replies of a session with what came of them."""
    return [turn for turn in session.turns if isinstance(turn, Step)]


def calls(session):
    """Every call of a session."""
    return [call for step in steps(session) for call in step.reply.calls]


def results(session):
    """The id and the output of every result."""
    found = [result for step in steps(session) for result in step.results]
    return [(result.call_id, result.output) for result in found]


def test_our_system_turn_gives_back_tools_and_prompt():
    """The fixed text falls away; what it holds is found."""
    row = {"messages": [{"role": "system", "content": "Be <think> brief."}], "tools": TOOLS}
    session = load("hermes").parse(load("hermes").render(load("messages").parse(row)))
    assert list(session.tools) == TOOLS
    assert session.turns == (Message("system", "Be <think> brief."),)


def test_somebody_elses_system_turn_is_a_system_prompt():
    """So is a later one, which has no place in a trajectory of ours."""
    session = read(("system", "You call tools."), ("human", "q"), ("system", "more"))
    assert session.turns == (
        Message("system", "You call tools."),
        Message("user", "q"),
        Message("system", "more"),
    )


def test_speakers_have_more_than_one_name():
    """ShareGPT's names and OpenAI's are both in use."""
    session = read(("user", "q"), ("assistant", "a"))
    assert session.turns[0] == Message("user", "q")
    assert steps(session)[0].reply.text == "a"


@pytest.mark.parametrize(
    ("value", "reasoning", "text"),
    [
        ("a", None, "a"),
        ("<think>\n</think>\na", None, "a"),
        ("<think>\nr\n</think>\na", "r", "a"),
        ("<think>\nr\n</think>", "r", ""),
        ("<think>r</think>a", None, "<think>r</think>a"),
        ("<think>\nr\n</think>a", None, "<think>\nr\n</think>a"),
        ("<think>cut", None, "<think>cut"),
        ("<think>\n<\\think>\n</think>\n<\\/tool_call>", "<think>", "</tool_call>"),
    ],
)
def test_a_reply_is_taken_apart_without_changing_it(value, reasoning, text):
    """A block that is not framed as ours stays in the text, where it counts just the same."""
    reply = steps(read(("gpt", value)))[0].reply
    assert (reply.reasoning, reply.text, reply.calls) == (reasoning, text, ())


@pytest.mark.parametrize(
    "value",
    [
        f"text\n{CALL}",
        f"<think>\n</think>\ntext\n{CALL}\n",
        'text\n<tool_call>{"name":"f","arguments":{"a":1}}</tool_call>',
        'text<tool_call>\n  {"name": "f", "arguments": "{\\"a\\": 1}"}\n\n</tool_call>  \n',
    ],
)
def test_calls_are_found_however_they_are_framed(value):
    """White space around the JSON is nobody's."""
    reply = steps(read(("gpt", value)))[0].reply
    assert (reply.text, reply.calls) == ("text", (ToolCall("unanswered_0", "f", '{"a": 1}'),))


def test_a_closing_tag_inside_json_does_not_close_a_call():
    """Other writers do not shield their JSON; it is read as JSON, not searched."""
    value = (
        '<tool_call>\n{"name": "f", "arguments": {"a": "</tool_call>"}, "id": "x"}\n</tool_call>'
    )
    assert calls(read(("gpt", value))) == [ToolCall("x", "f", '{"a": "</tool_call>"}')]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("<tool_call>\n{'name': 'f'}\n</tool_call>", "can't be read"),
        ("<tool_call>\n", "can't be read"),
        ('<tool_call>\n{"name": "f", "name": "g"}\n</tool_call>', "can't be read"),
        ('<tool_call>\n{"name": "f", "n": ' + "9" * 5000 + "}\n</tool_call>", "can't be read"),
        ("<tool_call>\n" + "[" * 100_000, "can't be read"),
        ("<tool_call>\n[]\n</tool_call>", "no object with a name"),
        ('<tool_call>\n{"name": 3}\n</tool_call>', "no object with a name"),
        ('<tool_call>\n{"name": "f"}', "not closed"),
        ('<tool_call>\n{"name": "f"} {}\n</tool_call>', "more than one"),
        (f"{CALL}\nand so on", "text stands after"),
    ],
)
def test_a_call_that_can_not_be_read_is_an_error(value, complaint):
    """Guessing would lose something in silence."""
    with pytest.raises(FormatError, match=complaint):
        read(("gpt", value))


def response(**fields):
    """Write a response."""
    return f"<tool_response>\n{json.dumps(fields)}\n</tool_response>"


def test_responses_give_their_calls_their_ids():
    """They are matched by tool name where some are missing, and the rest stays unanswered."""
    other = CALL.replace('"f"', '"g"')
    told = response(tool_call_id="y", name="g", content={"a": 1})
    session = read(("gpt", f"{CALL}\n{other}"), ("tool", told))
    assert [call.id for call in calls(session)] == ["unanswered_0", "y"]
    assert results(session) == [("y", {"a": 1})]


def test_flags_say_which_of_two_equal_calls_was_answered():
    """Without them the first is taken to be."""
    turns = ("gpt", f"{CALL}\n{CALL}"), ("tool", response(tool_call_id="y", name="f", content=""))
    flagged = read(*turns, flags=["unanswered_call:0:0", "unanswered_call:x", 3])
    assert [call.id for call in calls(flagged)] == ["unanswered_0", "y"]
    assert [call.id for call in calls(read(*turns))] == ["y", "unanswered_1"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("plain text", [("", "plain text")]),
        ("<tool_response>\nplain\n</tool_response>", [("", "plain")]),
        ("<tool_response>[1]</tool_response>", [("", [1])]),
        ('<tool_response>{"a":1}</tool_response>', [("", {"a": 1})]),
        ('<tool_response>{"a":1,"a":2}</tool_response>', [("", '{"a":1,"a":2}')]),
        (response(tool_call_id=7, content="x"), [("7", "x")]),
        (response(tool_call_id=None, name=3, content="x"), [(None, "x")]),
        (response(name="f", content="x"), [("", "x")]),
    ],
)
def test_a_response_of_any_shape_is_a_result(value, found):
    """What is no response of ours is content as a whole."""
    assert results(read(("gpt", CALL), ("tool", value))) == found


def test_results_without_ids_match_calls_by_place():
    """Two calls, two plain results: the first belongs to the first."""
    both = "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>"
    session = read(("gpt", f"{CALL}\n{CALL}"), ("tool", both))
    assert results(session) == [("", "one"), ("", "two")]
    row = load("hermes").render(session)
    assert row["flags"] == []
    verify(session, row)


@pytest.mark.parametrize("value", ["<tool_response>\nx", f"{response(content='x')} and so on"])
def test_a_response_that_is_not_closed_is_an_error(value):
    """So is text between responses."""
    with pytest.raises(FormatError, match="not closed, or text stands between"):
        read(("tool", value))


def test_a_tool_turn_that_answers_nobody_holds_orphans():
    """They are kept beside the turns."""
    session = read(("human", "q"), ("tool", "late"))
    assert [result.output for result in session.orphans] == ["late"]
    again = read(("gpt", CALL), ("tool", "one"), ("tool", "two"))
    assert results(again) == [("", "one"), ("", "two")]


def test_a_trajectory_keeps_what_it_says_of_its_session():
    """Its own keys go where they belong, all others are metadata."""
    session = read(
        ("human", "q"),
        ("gpt", "a"),
        id=7,
        prompt_index=3,
        sample=2,
        model="m",
        provider="p",
        rewards={"verify": 1, "judge": None, "note": "good"},
        outcome="limit",
        exit_reason="max_turns",
        error="x",
        usage={"input": 3},
        metadata={"source": "s"},
        split="train",
        flags=["harness_turn:0"],
    )
    started, ended = session.started, session.ended
    assert session.turns[0] == Message("user", "q", "harness")
    assert (session.id, started.prompt_index, started.sample) == ("7", 3, 2)
    assert (started.model, started.provider) == ("m", "p")
    assert started.metadata == {"source": "s", "split": "train"}
    assert session.rewards == {"verify": 1, "judge": None}
    assert (ended.outcome, ended.reason, ended.error) == ("limit", "max_turns", "x")


def test_what_a_trajectory_says_in_the_wrong_type_is_left_out():
    """The turns count, not the rest."""
    session = read(("human", "q"), prompt_index="3", sample=True, model=1, outcome="won", rewards=1)
    assert (session.started.prompt_index, session.started.sample, session.started.model) == (
        0,
        0,
        "",
    )
    assert session.ended is None
    assert session.rewards == {}


def test_a_row_without_an_id_is_named_by_its_content():
    """Equal rows have equal names, different ones do not."""
    assert read(("human", "q")).id == read(("human", "q")).id != read(("human", "r")).id
    assert read(("human", "\ud800"), id=True).id != "True"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({}, 'needs "conversations"'),
        ({"conversations": {}}, 'needs "conversations"'),
        ({"conversations": ["q"]}, "turn 0 is from ''"),
        ({"conversations": [{"from": "narrator", "value": "q"}]}, "turn 0 is from 'narrator'"),
        ({"conversations": [{"from": ["human"], "value": "q"}]}, "turn 0 is from ''"),
        ({"conversations": [{"from": "human", "value": object()}]}, "no text|written as text"),
        ({"conversations": [], "extra": object()}, "no JSON form"),
    ],
)
def test_a_row_of_another_shape_is_a_format_error(row, complaint):
    """The error says which turn, and what was expected."""
    with pytest.raises(FormatError, match=complaint):
        load("hermes").parse(row)


@pytest.mark.parametrize("tools", ["{", "3", "[3]", "[" * 100_000])
def test_our_system_turn_with_broken_tools_is_a_format_error(tools):
    """It is ours, so it is not taken for a prompt."""
    row = load("hermes").render(load("messages").parse({"prompt": "q"}))
    system = row["conversations"][0]
    system["value"] = system["value"].replace("<tools>\n[]\n", f"<tools>\n{tools}\n")
    with pytest.raises(FormatError, match="the tools of the system turn"):
        load("hermes").parse(row)


def test_a_row_that_differs_from_its_session_is_told_by_the_first_turn_that_does():
    """Tools, system prompt, a turn, or a turn that is missing."""
    row = {"id": "x", "tools": TOOLS, "prompt": "q", "messages": [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": "a"},
    ]}  # fmt: skip
    session = load("messages").parse(row)
    written = load("hermes").render(session)
    verify(session, written)
    for place, old, new, part in (
        (0, "<tools>\n[{", "<tools>\n[{}, {", "the tools"),
        (0, "</tool_call>\n\ns", "</tool_call>\n\nt", "the system prompt"),
        (1, "q", "r", "turn 0"),
        (2, "\na", "\nb", "turn 1"),
    ):
        turns = [dict(turn) for turn in written["conversations"]]
        turns[place]["value"] = turns[place]["value"].replace(old, new)
        with pytest.raises(FormatError, match=f"session 'x' does not survive as hermes: {part} "):
            verify(session, {"conversations": turns})
    with pytest.raises(FormatError, match="turn 1 reads differently"):
        verify(session, {"conversations": written["conversations"][:2]})
