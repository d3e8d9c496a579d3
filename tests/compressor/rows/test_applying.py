"""Rows as plans leave them."""

from __future__ import annotations

import pytest

from compressor import rows
from compressor.apply import apply
from compressor.errors import RowError
from compressor.plan import Cut, Edit, Plan
from recorder.formats import load as recorded


def edit(turn, text, piece=0):
    """Put *text* into a piece."""
    return Edit(turn, piece, "mask", 9, 1, "", text)


def cut(first, last, text):
    """Put *text* in the place of turns."""
    return Cut(first, last, "digest", 9, 1, "", text)


def plan(*changes):
    """Make a plan of edits and cuts."""
    edits = tuple(one for one in changes if isinstance(one, Edit))
    return Plan("mask", 9, 1, edits, tuple(one for one in changes if isinstance(one, Cut)))


def chat(*turns):
    """A row of chat messages, each a role and a content."""
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def contents(row, made):
    """Apply a plan to chat messages and give roles and contents."""
    written = rows.load("messages").apply(row, made)
    return [(message["role"], message["content"]) for message in written["messages"]]


def test_a_summary_goes_behind_the_user_turn_before_the_cut():
    """The text that stood there stays, byte for byte, as a part of it."""
    row = chat(("user", "Do."), ("assistant", "a"), ("assistant", "b"))
    made = plan(cut(1, 1, "SUM"))
    assert contents(row, made) == [("user", "Do.\n\nSUM"), ("assistant", "b")]


def test_a_summary_goes_before_the_user_turn_behind_the_cut_where_none_is_before_it():
    """So no two user turns stand side by side."""
    row = chat(("assistant", "a"), ("user", "Do."))
    assert contents(row, plan(cut(0, 0, "SUM"))) == [("user", "SUM\n\nDo.")]


@pytest.mark.parametrize(("first", "last", "at"), [(1, 1, 1), (1, 2, 1)])
def test_a_summary_that_no_user_stands_beside_is_a_turn_of_its_own(first, last, at):
    """In the middle, and at the end."""
    row = chat(("system", "s"), ("assistant", "a"), ("assistant", "b"))
    written = contents(row, plan(cut(first, last, "SUM")))
    assert written[at] == ("user", "SUM")
    assert len(written) == 3 - (last - first)


def test_a_cut_without_a_text_leaves_nothing():
    """The turns before it stay as they are."""
    row = chat(("user", "Do."), ("assistant", "a"), ("assistant", "b"))
    assert contents(row, plan(cut(1, 1, ""))) == [("user", "Do."), ("assistant", "b")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "SUM"),
        ([], [{"type": "text", "text": "SUM"}]),
        (["x"], ["x\n\nSUM"]),
        ([{"type": "text", "text": "x"}], [{"type": "text", "text": "x\n\nSUM"}]),
        ([{"type": "image"}], [{"type": "image"}, {"type": "text", "text": "SUM"}]),
    ],
)
def test_a_summary_is_merged_into_any_content(content, expected):
    """Parts stay parts, and pictures stay."""
    row = chat(("user", content), ("assistant", "a"), ("assistant", "b"))
    assert contents(row, plan(cut(1, 1, "SUM")))[0] == ("user", expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "SUM"),
        ([{"type": "text", "text": "x"}], [{"type": "text", "text": "SUM\n\nx"}]),
        ([{"type": "image"}], [{"type": "text", "text": "SUM"}, {"type": "image"}]),
    ],
)
def test_a_summary_is_put_before_any_content(content, expected):
    """The same on the other side."""
    row = chat(("assistant", "a"), ("user", content))
    assert contents(row, plan(cut(0, 0, "SUM")))[0] == ("user", expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("long", "short"),
        (["long", "b"], ["short", "b"]),
        ([{"type": "text", "text": "long", "c": 1}], [{"type": "text", "text": "short", "c": 1}]),
        ([{"type": "file", "url": "u"}], [{"type": "text", "text": "short"}]),
    ],
)
def test_an_edit_replaces_one_part(content, expected):
    """What stands beside it stays."""
    row = chat(("tool", content), ("assistant", "a"))
    assert contents(row, plan(edit(0, "short")))[0] == ("tool", expected)


@pytest.mark.parametrize("made", [plan(edit(5, "x")), plan(edit(0, "x", 3)), plan(cut(0, 9, "x"))])
def test_a_plan_for_another_row_is_refused(made):
    """Turns and pieces that are not there are named."""
    with pytest.raises(RowError, match="another row"):
        contents(chat(("user", "Do.")), made)


def test_a_trajectory_is_changed_as_its_row_is():
    """Turns without pieces, texts before and behind, and a turn at the end."""
    row = chat(("user", None), ("assistant", "a"), ("assistant", "b"))
    form = rows.load("messages")
    made = plan(cut(1, 1, "SUM"))
    assert apply(form.read(row), made) == form.read(form.apply(row, made))
    row = chat(("assistant", "a"), ("user", None), ("assistant", "a"))
    made = plan(cut(0, 0, "SUM"), cut(2, 2, ""))
    assert apply(form.read(row), made) == form.read(form.apply(row, made))
    row = chat(("assistant", "a"), ("assistant", "b"))
    made = plan(cut(1, 1, "SUM"))
    assert apply(form.read(row), made) == form.read(form.apply(row, made))


@pytest.mark.parametrize("role", ["system", "user"])
def test_tools_count_and_stay_where_they_are(role):
    """The first turn is written without them, with a summary in it or not."""
    turns = [{"role": role, "content": "Do."}, {"role": "assistant", "content": "a"}]
    row, form = {"messages": turns, "tools": [{"name": "f"}]}, rows.load("messages")
    made = plan(cut(1, 1, "SUM"))
    written = form.apply(row, made)
    assert written["tools"] == row["tools"]
    assert "name" not in str(written["messages"])
    assert apply(form.read(row), made) == form.read(written)


OWN = '<tool_response>\n{"tool_call_id": "c", "name": "run", "content": "long"}\n</tool_response>'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (OWN, OWN.replace("long", "a \\u003c/tool_response> b")),
        ("<tool_response>long</tool_response>", '<tool_response>\n"{}"\n</tool_response>'),
        ('<tool_response>{"a": 1}</tool_response>', '<tool_response>\n"{}"\n</tool_response>'),
        ("long", "a </tool_response> b"),
    ],
)
def test_an_edit_replaces_what_is_in_a_block_so_that_it_can_not_end_it(value, expected):
    """Markup in the new text is written as JSON writes it; the names around it stay."""
    row = {"conversations": [{"from": "tool", "value": value}]}
    form, made = rows.load("hermes"), plan(edit(0, "a </tool_response> b"))
    written = form.apply(row, made)
    expected = expected.replace("{}", "a \\u003c/tool_response> b")
    assert written["conversations"] == [{"from": "tool", "value": expected}]
    assert form.read(written) == apply(form.read(row), made)
    recorded("hermes").parse(written)


def test_only_the_block_that_is_edited_changes():
    """Its neighbours stay byte for byte, odd white space and all."""
    other = '<tool_response> {"content":"x"}  </tool_response>'
    row = {"conversations": [{"from": "tool", "value": f"{other}\n{OWN}\n \n{other}"}]}
    (turn,) = rows.load("hermes").apply(row, plan(edit(0, "short", 1)))["conversations"]
    assert turn["value"] == f"{other}\n{OWN.replace('long', 'short')}\n \n{other}"


def test_hermes_user_turns_take_summaries_and_observations_without_markup():
    """What is put there is made harmless; what stood there stays as it was written."""
    said = [("human", "<\\think> Do."), ("gpt", "a"), ("human", "seen"), ("gpt", "b")]
    row = {"conversations": [{"from": who, "value": value} for who, value in said]}
    form = rows.load("hermes")
    made = plan(cut(1, 1, "<think>SUM"), edit(2, "<tool_call>"))
    values = [turn["value"] for turn in form.apply(row, made)["conversations"]]
    assert values == ["<\\think> Do.\n\n<\\think>SUM", "<\\tool_call>", "b"]
    made = plan(cut(0, 1, "SUM"), cut(3, 3, ""))
    values = [turn["value"] for turn in form.apply(row, made)["conversations"]]
    assert values == ["SUM\n\nseen"]
    agent = {"conversations": [{"from": "gpt", "value": "a"}, {"from": "gpt", "value": "b"}]}
    for place, expected in ((0, ["human", "gpt"]), (1, ["gpt", "human"])):
        written = form.apply(agent, plan(cut(place, place, "SUM")))
        assert [turn["from"] for turn in written["conversations"]] == expected
