"""What holds for every session written as chat messages, whatever its texts are."""

from __future__ import annotations

import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.events import (
    ModelReplied,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    UserSpoke,
    timestamp,
)
from recorder.formats import load
from recorder.formats.style import AS_RECORDED, Arguments, Reasoning, Style, Tools
from recorder.formats.turns import same_turns
from recorder.formats.views import views
from recorder.json_text import decode, encode
from recorder.messages import Message, ToolCall
from recorder.session import fold
from recorder.steps import Step

parse: Any = load("messages").parse
render: Any = load("messages").render
STYLES = [
    Style(arguments, reasoning, tools, split_turns=split)
    for arguments, reasoning, tools, split in product(
        get_args(Arguments), get_args(Reasoning), get_args(Tools), [False, True]
    )
]
FRAGMENTS = [
    *("<think>", "</think>", "<think>\n", "\n</think>\n", "<REASONING_SCRATCHPAD>"),
    *("</REASONING_SCRATCHPAD>", "<\\/think>", "<tool_call>", "</tool_response>", "<|im_end|>"),
    *("\n", "  ", "\ud83d", "\ude42", "🙂", "\x00", "\u2028", "\x1b[31m", "words", "\\"),
    *('{"a": 1}', '{"a":1,"a":2}', '{"n": NaN}', "[1e400]", "null", "[]", "12"),
    '[{"type": "text", "text": "{}"}]',
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=4).map("".join) | st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
PARTS = st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
    | st.just({"type": "image_url", "image_url": {"url": "data:,"}}),
    max_size=3,
)
ENVELOPES = st.builds(lambda parts: {"_multimodal": True, "content": parts}, PARTS)
IDS = st.sampled_from(["", "a", "b"])
CALLS = st.builds(ToolCall, IDS, TEXTS, TEXTS | VALUES.map(json.dumps))
ROLES = st.sampled_from(["user", "user", "system", "tool", "assistant", "", "\ud800"])
ORIGINS: Any = st.sampled_from(["dataset", "user", "harness", "model"])


@st.composite
def sessions(draw):
    """Draw a session whose every text may be hostile."""
    stamp: dict[str, Any] = {"session": "s", "ts": timestamp(0)}
    tool = st.fixed_dictionaries({"name": TEXTS | st.integers(), "description": TEXTS})
    wrapped = st.builds(lambda function: {"type": "function", "function": function}, tool)
    opening = draw(st.lists(st.builds(Message, ROLES, TEXTS, ORIGINS), max_size=3))
    events: list[Any] = [
        ToolsDeclared(
            **stamp, seq=0, tools_hash="", tools=tuple(draw(st.lists(tool | wrapped, max_size=2)))
        ),
        SessionStarted(**stamp, seq=0, messages=tuple(opening)),
    ]
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            said = {"content": draw(TEXTS | PARTS | VALUES), "role": draw(ROLES)}
            events.append(UserSpoke(**stamp, seq=len(events) - 1, **said, origin=draw(ORIGINS)))
        calls = draw(st.lists(CALLS, max_size=3).map(tuple))
        events.append(
            ModelReplied(
                **stamp,
                seq=len(events) - 1,
                text=draw(TEXTS | st.none()),
                reasoning=draw(TEXTS | st.none()),
                refusal=draw(st.none() | TEXTS),
                calls=calls,
                origin=draw(ORIGINS),
                flags=draw(st.sampled_from([(), (), ("prefill",)])),
            )
        )
        own = st.sampled_from([None, "", *(call.id for call in calls)])
        for named in draw(st.lists(own, max_size=4)):
            output = draw(TEXTS | VALUES | PARTS | ENVELOPES)
            events.append(ToolReturned(**stamp, seq=len(events) - 1, call_id=named, output=output))
    return fold(events)


def written(session, style=AS_RECORDED):
    """Write *session*; nothing where nothing was said that a message could hold."""
    try:
        return render(session, style)
    except FormatError as error:
        assert "nothing was said" in str(error)  # noqa: PT017  # or nothing is raised
        assert same_turns(session)[1:] == ("",)
        return None


@settings(max_examples=100)
@given(sessions(), st.sampled_from(STYLES))
def test_a_row_gives_back_the_turns_it_was_made_from(session, style):
    """In every style, through any file, and with who made each of them."""
    for view in views(session, style):
        if (row := written(view, style)) is None:
            continue
        again = parse({"id": "s", **row})
        assert same_turns(again) == same_turns(view)
        stored = decode(encode(row))
        assert same_turns(parse({"id": "s", **stored})) == same_turns(view)
        assert len(row["origins"]) == len(row["messages"])
        assert render(again, style)["origins"] == row["origins"]


@given(sessions())
def test_a_row_is_flat_and_says_what_it_left_out(session):
    """Every content is a string, and every call and result is there or flagged."""
    if (row := written(session)) is None:
        return
    kinds = [flag.split(":")[0] for flag in row["flags"]]
    assert all(isinstance(message["content"], str) for message in row["messages"])
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    shown = [turn for turn in steps if "prefill" not in turn.reply.flags or turn.reply.calls]
    calls = sum(len(message.get("tool_calls", ())) for message in row["messages"])
    results = sum(message["role"] == "tool" for message in row["messages"])
    assert calls == sum(len(turn.reply.calls) for turn in shown)
    assert results + kinds.count("unanswered_call") == calls
    lost = kinds.count("duplicate_result") + kinds.count("orphan_result")
    assert results + lost == sum(len(turn.results) for turn in shown) + len(session.orphans)
    replies = sum(message["role"] == "assistant" for message in row["messages"])
    others_written = len(row["messages"]) - results - replies
    others = len(session.turns) - len(shown)
    assert others_written + kinds.count("dropped_turn") == others


FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "trajectories"
FILES = sorted(FOLDER.glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_every_real_trajectory_comes_back_in_every_style(path):
    """Text beside calls, parallel calls, unanswered calls and reasoning are all still there."""
    with gzip.open(path) as lines:
        rows = [json.loads(line) for line in lines]
    # Every row in some style and every style with some row: the product says no more.
    for place, row in enumerate(rows):
        session = parse(row)
        for style in STYLES[place % 8 :: 8]:
            for view in views(session, style):
                assert same_turns(parse({"id": "s", **render(view, style)})) == same_turns(view)
