"""ATIF documents read, whoever wrote them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.events import (
    timestamp,
)
from recorder.formats import load
from recorder.formats.turns import same_turns
from recorder.messages import Message, ToolCall, Usage

parse: Any = load("atif").parse
render = load("atif").render
TS = "2026-11-22T17:00:00.000Z"
LATER = "2026-11-22T17:00:05.250Z"
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
FILE = {"media_type": "image/png", "path": "images/1.png"}


def foreign(*steps, **fields):
    """Make a document of somebody else's."""
    numbered = [{"step_id": n, "message": "", **step} for n, step in enumerate(steps, 1)]
    agent = {"name": "other", "version": "3"}
    return {"schema_version": "ATIF-v1.4", "agent": agent, "steps": numbered, **fields}


@pytest.mark.parametrize("minor", range(9))
def test_documents_of_others_are_read(minor):
    """Of every version there was; what has no place in a session is metadata."""
    document = foreign(
        {"source": "system", "message": "s"},
        {"source": "user", "message": "q", "timestamp": "2026-11-22T18:00:00+01:00"},
        {
            "source": "agent",
            "message": "m",
            "model_name": "gpt",
            "reasoning_content": "r",
            "tool_calls": [{"tool_call_id": "a", "function_name": "f", "arguments": {"x": "é"}}],
            "observation": {"results": [{"source_call_id": "a", "content": "o"}]},
            "metrics": {"prompt_tokens": 5, "cost_usd": 0.5, "logprobs": [-1], "extra": {"k": 1}},
            "timestamp": "2026-11-22T17:00:05.25",
            "extra": {"origin": "harness"},
        },
        schema_version=f"ATIF-v1.{minor}",
        session_id="run",
        notes="n",
        continued_trajectory_ref="next.json",
        final_metrics={"total_steps": 3},
        subagent_trajectories=[{"trajectory_id": "sub"}],
        extra={"outcome": "limit"},
    )
    document["agent"] |= {"model_name": "m", "tool_definitions": [TOOL]}
    session = parse(document)
    assert (session.id, session.began, session.last) == ("run", TS, LATER)
    assert (session.tools, session.started.model) == ((TOOL,), "m")
    assert session.turns[:2] == (Message("system", "s"), Message("user", "q"))
    step = session.turns[2]
    assert (step.reply.text, step.reply.reasoning, step.reply.model) == ("m", "r", "gpt")
    assert step.reply.calls == (ToolCall("a", "f", '{"x": "é"}'),)
    assert step.reply.usage == Usage(input=5, cost_usd=0.5)
    assert (step.reply.logprobs, step.reply.origin) == ((-1.0,), "model")
    assert [(one.call_id, one.output, one.status) for one in step.results] == [("a", "o", None)]
    assert session.ended is None
    assert session.started.metadata["atif"] == {
        "schema_version": f"ATIF-v1.{minor}",
        "session_id": "run",
        "notes": "n",
        "final_metrics": {"total_steps": 3},
        "continued_trajectory_ref": "next.json",
        "subagent_trajectories": [{"trajectory_id": "sub"}],
        "extra": {"outcome": "limit"},
        "agent": {"name": "other", "version": "3", "model_name": "m"},
        "steps": [{"step_id": 3, "extra": {"origin": "harness"}, "metrics": {"extra": {"k": 1}}}],
    }


def test_the_agent_of_a_document_that_was_read_stays_its_agent():
    """Written again, the document does not say that it was us."""
    again: Any = render(parse(foreign({"source": "user", "message": "q"})))
    assert (again["agent"]["name"], again["agent"]["version"]) == ("other", "3")
    assert parse(again).started.metadata["atif"]["agent"]["name"] == "other"


def test_a_trajectory_is_named_by_itself_then_by_its_run_then_by_its_content():
    """Several trajectories may be of one run."""
    step = {"source": "user", "message": "q"}
    assert parse(foreign(step, session_id="r", trajectory_id="t")).id == "t"
    assert parse(foreign(step)).id == parse(foreign(step)).id != ""
    assert parse(foreign(step)).id != parse(foreign({**step, "message": "p"})).id


def test_pictures_and_sounds_of_others_are_kept():
    """Pictures as chat messages have them, sounds as they are."""
    sound = {"type": "audio", "source": {"media_type": "audio/wav", "path": "a.wav"}}
    parts = [{"type": "text", "text": "t"}, {"type": "image", "source": FILE}, sound]
    session = parse(foreign({"source": "user", "message": parts}))
    text, picture, audio = session.turns[0].content
    assert text == parts[0]
    assert picture["image_url"] == {"url": "images/1.png"}
    assert audio == sound
    reply = parse(foreign({"source": "agent", "message": parts[:2]})).turns[0].reply
    assert reply.text == "t\n[image]"


def test_what_a_step_without_calls_observed_was_said_to_the_model():
    """By the harness, in the user's place; a reference to another trajectory says nothing."""
    reference = {"subagent_trajectory_ref": [{"trajectory_path": "sub.json"}]}
    observed = {"results": [{"content": "o"}, {"source_call_id": "x", "content": "p"}, reference]}
    session = parse(
        foreign(
            {"source": "agent", "message": "ls", "observation": observed},
            {"source": "system", "message": "s", "observation": {"results": [{"content": "q"}]}},
        )
    )
    reply, *said = session.turns
    assert (reply.reply.text, reply.results) == ("ls", ())
    told = [("user", "o"), ("user", "p"), ("system", "s"), ("user", "q")]
    assert [(turn.role, turn.content) for turn in said] == told
    assert [turn.origin for turn in said] == ["harness", "harness", "dataset", "harness"]
    (note,) = session.started.metadata["atif"]["steps"]
    assert note["results"] == [reference]


@pytest.mark.parametrize(
    ("contents", "answers", "said"),
    [(["a", "b"], ["a", "b"], []), (["a"], [None, None], ["a"]), ([], [None, None], [])],
)
def test_results_that_name_no_call_are_told_apart_by_their_number(contents, answers, said):
    """Where that is not the number of calls, they were said to the model."""
    call = {"tool_call_id": "c", "function_name": "f", "arguments": {}}
    results = [{"content": content} for content in contents]
    session = parse(
        foreign(
            {
                "source": "agent",
                "tool_calls": [call, {**call, "tool_call_id": "d"}],
                "observation": {"results": results},
            }
        )
    )
    step, *others = session.turns
    found = [one.output for one in step.results] or [None, None]
    assert found == answers
    assert [turn.content for turn in others] == said


def test_steps_that_no_model_made_here_are_nobodys_to_train_on():
    """Copied from before, or made by a harness that asked no model."""
    session = parse(
        foreign(
            {"source": "agent", "is_copied_context": True},
            {"source": "agent", "llm_call_count": 0},
            {"source": "agent", "llm_call_count": 3},
        )
    )
    assert [turn.reply.origin for turn in session.turns] == ["dataset", "harness", "model"]


@pytest.mark.parametrize("time", [None, 3, "soon", "0001-01-01T00:00:00+14:00", "0999-01-01"])
def test_times_that_no_event_can_have_are_unknown(time):
    """Nothing is made of them."""
    session = parse(foreign({"source": "agent", "timestamp": time}))
    assert session.began == session.last == timestamp(0)


CALL = {"tool_call_id": "c", "function_name": "f", "arguments": {}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schema_version": "ATIF-v1.9"},
        {"schema_version": "ATIF-v2.0"},
        {"schema_version": 1},
        {"messages": []},
        foreign(),
        foreign({"source": "user"}, agent=None),
        foreign({"source": "user"}, agent={"tool_definitions": {}}),
        foreign({"source": "user"}, agent={"tool_definitions": [1]}),
        {**foreign(), "steps": [1]},
        {**foreign(), "steps": [{"step_id": 2, "source": "user", "message": ""}]},
        foreign({"source": "tool"}),
        foreign({"source": "user", "message": None}),
        foreign({"source": "user", "message": 3}),
        foreign({"source": "user", "message": ["x"]}),
        foreign({"source": "user", "message": [{"type": "text"}]}),
        foreign({"source": "user", "message": [{"type": "image", "source": "x"}]}),
        foreign({"source": "agent", "tool_calls": {}}),
        foreign({"source": "agent", "tool_calls": [1]}),
        foreign({"source": "agent", "tool_calls": [{**CALL, "arguments": "{}"}]}),
        foreign({"source": "agent", "tool_calls": [{**CALL, "function_name": None}]}),
        foreign({"source": "agent", "observation": []}),
        foreign({"source": "agent", "observation": {"results": {}}}),
        foreign({"source": "agent", "observation": {"results": [1]}}),
        foreign({"source": "agent", "metrics": []}),
        foreign({"source": "agent", "metrics": {"prompt_tokens": "many"}}),
        foreign({"source": "agent", "reasoning_content": 3}),
    ],
)
def test_what_is_no_document_is_refused(document):
    """With a format error, which says what is wrong."""
    with pytest.raises(FormatError):
        parse(document)


def test_a_document_that_only_says_it_is_ours_is_read_or_refused():
    """Whatever somebody changed in it, nothing but a format error comes out."""
    said = {"source": "user", "extra": {"origin": "nobody", "role": 3, "name": 4}}
    document = foreign(said, extra={"recorder": "9", "rewards": 3, "outcome": "x"})
    assert parse(document).turns == (Message("user", ""),)
    content = {"content": "[9", "extra": {"json": True}}
    picture = {"content": [{"type": "text", "text": "t"}], "extra": {"json": True}}
    document["extra"]["orphan_results"] = [content, picture]
    assert [one.output for one in parse(document).orphans] == ["[9", picture["content"]]
    with pytest.raises(FormatError):
        parse({**document, "extra": {"recorder": "9", "orphan_results": [3]}})
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FormatError, match="deep"):
        parse({**document, "extra": {"recorder": "9", "escaped": True, "x": deep}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
HOW = {"json": True, "call_id": "x", "id": "", "arguments": "{", "status": "ok", "times": {}}
EXTRA = JSON | st.fixed_dictionaries({}, optional={name: JSON | st.just(HOW[name]) for name in HOW})
CALLS = JSON | st.fixed_dictionaries(
    {"function_name": st.just("f") | JSON, "arguments": st.just({}) | JSON},
    optional={"tool_call_id": st.sampled_from(["a", "b"]) | JSON, "extra": EXTRA},
)
PARTS = JSON | st.sampled_from(["t", "[1", [{"type": "image", "source": FILE}], [{"type": "text"}]])
RESULTS = JSON | st.fixed_dictionaries(
    {}, optional={"source_call_id": st.just("a") | JSON, "content": PARTS, "extra": EXTRA}
)
STEPS = st.fixed_dictionaries(
    {"message": PARTS, "source": st.sampled_from(["user", "agent", "agent", "system"])},
    optional={
        "tool_calls": JSON | st.lists(CALLS, max_size=2),
        "observation": JSON | st.fixed_dictionaries({"results": st.lists(RESULTS, max_size=3)}),
        "metrics": JSON | st.fixed_dictionaries({"prompt_tokens": JSON, "logprobs": JSON}),
        "timestamp": JSON | st.just(TS),
        "reasoning_content": JSON,
        "extra": EXTRA,
    },
)


@settings(max_examples=150)
@given(
    st.lists(STEPS, max_size=4),
    st.fixed_dictionaries(
        {}, optional={"recorder": st.just("9"), "escaped": st.just(value=True), "rewards": JSON}
    )
    | JSON,
    JSON | st.fixed_dictionaries({"tool_definitions": JSON}),
)
def test_a_document_is_read_or_refused(steps, extra, agent):
    """Nothing but a format error comes out, and what was read can be written."""
    try:
        session = parse(foreign(*steps, extra=extra, agent=agent))
        same_turns(session)  # refuses what has no JSON form
    except FormatError:
        return
    again = parse(render(session))
    assert same_turns(again) == same_turns(session)
