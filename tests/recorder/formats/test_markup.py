"""Keeping text that looks like our markup from being it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.formats.markup import is_writable, neutralise, restore, shield, whole

PIECES = [
    "<",
    "\\",
    "/",
    ">",
    "<think>",
    "</tool_call>",
    "<\\tool_response>",
    "<\\\\/tools>",
    "<\\ud83d>",
    "<\\\\ud83d>",
    "ud83d>",
    "\ud83d",
    "\ude42",
    "REASONING_SCRATCHPAD>",
    "é",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text()
OURS = re.compile(r"</?(?:tool_call|tool_response|think|tools|REASONING_SCRATCHPAD)>")


@given(TEXTS)
def test_neutralised_text_can_be_restored(text):
    """Nothing is lost, and what came out can go anywhere."""
    safe = neutralise(text)
    assert restore(safe) == text
    assert is_writable(safe)
    assert not OURS.search(safe)


@given(TEXTS, TEXTS)
def test_different_texts_stay_different(one, two):
    """No text is written like another."""
    assert (neutralise(one) == neutralise(two)) == (one == two)


@given(TEXTS)
def test_shielded_json_means_the_same(text):
    """Any JSON reader gives the value back, and no tag of ours is left in it."""
    document = json.dumps({"<think>": [text]}, ensure_ascii=False)
    safe = shield(document)
    assert json.loads(safe) == {"<think>": [whole(text)]}
    assert is_writable(safe)
    assert not OURS.search(safe)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("<think>", "<\\think>"),
        ("</tool_call>", "<\\/tool_call>"),
        ("<\\think>", "<\\\\think>"),
        ("<thinking> <Think> < think> <tools", "<thinking> <Think> < think> <tools"),
        ("<reasoning_scratchpad>", "<reasoning_scratchpad>"),
        ("<\\ud83d>", "<\\\\ud83d>"),
        ("<ud83d> <\\u0041>", "<ud83d> <\\u0041>"),
        ("a\ud83d", "a<\\ud83d>"),
    ],
)
def test_only_our_own_tags_and_lone_surrogates_are_changed(text, safe):
    """Look-alikes in other letters or with spaces are words like any other."""
    assert neutralise(text) == safe


def test_json_is_shielded_before_any_tag_that_begins_like_ours():
    """In JSON the escape costs nothing, so tags with attributes are shielded too."""
    document = '["<tool_call id=1>", "<thinking>", "a\\\\<think>"]'
    assert shield(document) == '["\\u003ctool_call id=1>", "<thinking>", "a\\\\\\u003cthink>"]'


def test_surrogate_pairs_that_were_cut_apart_are_joined():
    """A chunk boundary may have fallen into a character; lone halves stay alone."""
    assert whole("\ud83d\ude42 \ude42\ud83d é") == "🙂 \ude42\ud83d é"


@pytest.mark.parametrize("text", ["<" * 200_000, "<" + "\\" * 200_000, "<\\" * 100_000])
def test_long_runs_are_restored_too(text):
    """Neither direction gives up on megabytes of half a tag."""
    assert restore(neutralise(text)) == text
