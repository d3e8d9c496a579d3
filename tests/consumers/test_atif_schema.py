"""ATIF documents against the schema of harbor's models, and what these check beyond it.

``atif-v1.7.schema.json`` is made by ``scripts/atif_schema.py``.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_run import run_many
from recorder.errors import FormatError
from recorder.events import (
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
from recorder.formats.turns import Replied, Said, same_turns, transcript
from recorder.formats.views import views
from recorder.json_text import decode, encode
from recorder.messages import Message, ToolCall, Usage
from recorder.reader import fold_journal
from recorder.session import fold

SCHEMA = json.loads(Path(__file__).with_name("atif-v1.7.schema.json").read_text())
AGENTS_ONLY = ("model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics")
STYLES = [Style(reasoning=how) for how in ("keep", "last", "inline", "drop")] + [
    Style(split_turns=True),
    Style(harness_turns="drop"),
]


# --- the rules -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def faults():
    """Give what names the places of a document that the schema refuses."""
    validator = pytest.importorskip("jsonschema").Draft202012Validator(SCHEMA)

    def name(document):
        return [error.message for error in validator.iter_errors(document)]

    return name


def check_steps(document):
    """Numbers go up from 1, times can be read, and only agents do what agents do."""
    assert [step["step_id"] for step in document["steps"]] == [
        *range(1, len(document["steps"]) + 1)
    ]
    for step in document["steps"]:
        if step.get("timestamp") is not None:
            assert datetime.fromisoformat(step["timestamp"]).tzinfo
        if step["source"] != "agent":
            assert not [name for name in AGENTS_ONLY if step.get(name) is not None]
        if step.get("llm_call_count") == 0:
            assert step.get("metrics") is step.get("reasoning_content") is None


def check_calls(document):
    """Calls have ids of their own, and results name calls of their step."""
    for step in document["steps"]:
        names = [call["tool_call_id"] for call in step.get("tool_calls") or []]
        assert len(names) == len(set(names))
        assert all(names)
        for result in (step.get("observation") or {}).get("results", []):
            assert result.get("source_call_id") in (None, *names)


def check_content(document):
    """Parts have what parts of their kind have."""
    for step in document["steps"]:
        results = (step.get("observation") or {}).get("results", [])
        for content in (step["message"], *(result.get("content") for result in results)):
            for part in content if isinstance(content, list) else []:
                wanted = {"text": {"type", "text"}, "image": {"type", "source"}}[part["type"]]
                assert part.keys() == wanted


def check_costs(document):
    """Each reply of the model is one call; costs stand on all of them or on none."""
    calls = [step for step in document["steps"] if step.get("llm_call_count")]
    assert {step["llm_call_count"] for step in calls} <= {1}
    costs = [step.get("metrics", {}).get("cost_usd") is not None for step in calls]
    assert all(costs) or not any(costs)
    metrics, total = [step.get("metrics", {}) for step in calls], document["final_metrics"]
    for each, whole in (
        ("prompt_tokens", "total_prompt_tokens"),
        ("completion_tokens", "total_completion_tokens"),
        ("cached_tokens", "total_cached_tokens"),
    ):
        assert sum(one.get(each, 0) for one in metrics) == total[whole]
    assert total["total_steps"] == len(document["steps"])


def check(document, faults):
    """Check all of it, as a reader finds it in its file."""
    read = json.loads(encode(document).decode())
    assert faults(read) == []
    json.dumps(read, ensure_ascii=False).encode()
    for rule in (check_steps, check_calls, check_content, check_costs):
        rule(read)


# --- real sessions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["inspect", "nemogym", "ohsdk", "openhands", "sweagent", "tau2", "taubench"]
)
def test_every_real_trajectory_is_a_sound_document_that_reads_back(shared_data, faults, name):
    """Text beside calls, parallel calls, unanswered calls and reasoning are all still there."""
    with gzip.open(shared_data / "trajectories" / f"{name}.jsonl.gz") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        session = load("messages").parse(row)
        document = load("atif").render(session)
        check(document, faults)
        again = load("atif").parse(decode(encode(document)))
        assert same_turns(again) == same_turns(session)
        assert answers(again) == answers(session)
        assert load("atif").render(again)["steps"] == document["steps"]


async def test_sessions_of_a_run_are_sound_documents(tmp_path, faults):
    """With what the model, the tools and the prices told of them."""
    prompts = [f"List the files and count to {n}." for n in range(4)]
    run = run_many(prompts, model="simulated", record=tmp_path / "r")
    assert len([session async for session in run]) == 4
    sessions = fold_journal(tmp_path / "r" / "journal").sessions.values()
    for session in sessions:
        document = load("atif").render(session)
        check(document, faults)
        assert all("timestamp" in step for step in document["steps"] if step["source"] == "agent")
        assert document["final_metrics"]["total_prompt_tokens"] == session.usage.input > 0
        again = load("atif").parse(document)
        assert same_turns(again) == same_turns(session)
        assert (again.usage, again.rewards) == (session.usage, session.rewards)
        assert statuses(again) == statuses(session)


def statuses(session):
    """How the calls went."""
    return [
        [(r.status, r.exit_code, r.times) for r in turn.results]
        for turn in session.turns
        if not isinstance(turn, Message)
    ]


def answers(session):
    """Every answer to a call as it stands, text told from other values."""
    replies = [turn for turn in transcript(session).turns if isinstance(turn, Replied)]
    return [
        [call.answer and (call.answer.call_id, call.answer.content) for call in turn.calls]
        for turn in replies
    ]


# --- hostile sessions ----------------------------------------------------------------------------

FRAGMENTS = [
    *[
        "\ud83d",
        "\ude42",
        "🙂",
        "<\\ud83d>",
        "<\\\\ud83d>",
        "<",
        "\\",
        "\x00",
        "\u2028",
        "\x1b[31m",
    ],
    *["<think>", "</think>", "<tool_call>", "<|im_end|>", "\n", " ", "words", "[image]", "null"],
    *['{"a": 1}', '{"a":1,"a":2}', '{"n": NaN}', "[1e400]", '{"big": 9223372036854775808}', "{}"],
]
MIXTURES = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5).map("".join)
TEXTS = MIXTURES | MIXTURES | st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FINITE = st.recursive(
    st.none() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
PICTURES = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.PNG?x=1"}},
        {"type": "input_image", "image_url": "file:///a.jpg", "media_type": "image/webp"},
        {"type": "image", "image_url": "http://[/a.png"},
        {"type": "image_url", "image_url": {"url": "s3://b/c.gif"}, "text": "a cat"},
    ]
)
PARTS = st.lists(TEXTS.map(lambda text: {"type": "text", "text": text}) | PICTURES | TEXTS)
IDS = st.sampled_from(["", "a", "b", "call_1", "call_2", "\ud800"])
ARGUMENTS = TEXTS | VALUES.map(json.dumps) | st.just("[" * 101 + "]" * 101)
CALLS = st.builds(ToolCall, IDS, st.sampled_from(["f", "g"]) | TEXTS, ARGUMENTS)
ORIGINS = st.sampled_from(["dataset", "user", "harness"])
USAGES = st.none() | st.builds(
    Usage, *[st.integers(0, 9)] * 4, st.none() | st.floats(0, 1), st.booleans()
)
LOGPROBS = st.none() | st.lists(st.none() | st.floats(-9, 0), max_size=3).map(tuple)
REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "reasoning": TEXTS,
        "refusal": TEXTS,
        "calls": st.lists(CALLS, max_size=3).map(tuple),
        "origin": st.sampled_from(["model", "model", "dataset", "harness"]),
        "usage": USAGES,
        "model": TEXTS,
        "finish_reason": TEXTS,
        "provider_state": FINITE,
        "token_ids": st.lists(st.integers(0, 9), max_size=3).map(tuple),
        "logprobs": LOGPROBS,
        "flags": st.just(("prefill",)),
        "ts": st.sampled_from([timestamp(0), timestamp(1.5)]),
    },
)
RESULTS = st.fixed_dictionaries(
    {"output": TEXTS | VALUES | PARTS},
    optional={
        "status": st.sampled_from(["ok", "error"]),
        "exit_code": st.integers(0, 2),
        "flags": st.just(("cut",)),
    },
)
OPENINGS = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "developer", "user", "", "function"]),
        TEXTS | PARTS,
        ORIGINS,
    ),
    max_size=3,
)


@st.composite
def sessions(draw):
    """Draw a session whose every text may be hostile."""
    stamp: dict[str, Any] = {"session": draw(st.sampled_from(["s", "", "\ud800"]))}
    tools = draw(st.lists(st.dictionaries(st.sampled_from(["name", "function"]), FINITE)))
    events: list[Any] = [
        ToolsDeclared(session="", seq=0, ts=timestamp(0), tools_hash="", tools=tuple(tools)),
        SessionStarted(
            **stamp,
            seq=0,
            ts=timestamp(0),
            messages=tuple(draw(OPENINGS)),
            metadata=draw(st.dictionaries(TEXTS, FINITE, max_size=2)),
            model=draw(st.sampled_from(["", "m"])),
        ),
    ]

    def add(kind, **fields):
        events.append(kind(**{"ts": timestamp(0), **fields}, **stamp, seq=len(events) - 1))

    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            role = draw(st.sampled_from(["user", "user", "system", "assistant", "\ud800"]))
            content = draw(TEXTS | PARTS | st.none())
            add(UserSpoke, content=content, role=role, origin=draw(ORIGINS))
        reply = draw(REPLIES)
        add(ModelReplied, **reply)
        for named in draw(st.permutations([call.id for call in reply.get("calls", ())])):
            for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2]))):
                call_id = draw(st.just(named) | st.none() | IDS)
                add(ToolReturned, call_id=call_id, **draw(RESULTS))
        if draw(st.booleans()):
            add(ToolReturned, call_id=draw(IDS), **draw(RESULTS))
    if draw(st.booleans()):
        add(Scored, rewards={"r": draw(st.none() | st.floats(0, 1))}, source="x")
        add(SessionEnded, outcome="limit", reason=draw(TEXTS), error=draw(st.none() | TEXTS))
    return fold(events)


@settings(max_examples=150)
@given(sessions(), st.sampled_from(STYLES))
def test_a_document_gives_back_the_turns_it_was_made_from(faults, session, style):
    """Whatever is in them it is sound, and so is what any view of the session is written as."""
    for view in views(session, style):
        try:
            document = load("atif").render(view, style)
        except FormatError:
            assert not any(isinstance(one, Said | Replied) for one in transcript(view).turns)
            continue
        check(document, faults)
        again = load("atif").parse(decode(encode(document)))
        assert same_turns(again) == same_turns(view)
        assert answers(again) == answers(view)
        assert len(again.orphans) == len(view.orphans)
        assert undated(load("atif").render(again, style)) == undated(document)


def undated(document):
    """Give the steps without their times: of what users said later no session knows when."""
    return [{**step, "timestamp": None} for step in document["steps"]]
