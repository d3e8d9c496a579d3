"""Result objects of every shape become text, and nothing in them raises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hermes_run.tools.mcp.answers import EMPTY, read_answer

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
)
BLOCKS = some.fixed_dictionaries(
    {"type": some.sampled_from(["text", "image", "resource", "resource_link", "new"]) | JSON},
    optional={"text": JSON, "resource": JSON, "uri": JSON},
)


def _wrapped(value, *texts):
    """Give an answer as the official SDK makes it of what is no object."""
    content = [{"type": "text", "text": text} for text in texts]
    return {"content": content, "structuredContent": {"result": value}}


@pytest.mark.parametrize(
    ("answer", "content", "status"),
    [
        ({}, EMPTY, "ok"),
        ({"content": [], "isError": True}, EMPTY, "error"),
        ({"content": [{"type": "text", "text": '{"a": 1}'}], "structuredContent": {"a": 1}},
         '{"a": 1}', "ok"),
        ({"content": [], "structuredContent": {"a": 1}}, '{"a":1}', "ok"),
        (_wrapped("waited", "waited"), "waited", "ok"),
        (_wrapped(5, "5"), "5", "ok"),
        (_wrapped(["a", [1, {"b": 2}]], "a", "1", '{"b": 2}'), 'a\n1\n{"b": 2}', "ok"),
        (_wrapped(["a", "b"], "a"), 'a\n{"result":["a","b"]}', "ok"),
        (_wrapped("b", "a"), 'a\n{"result":"b"}', "ok"),
        (_wrapped([]), '{"result":[]}', "ok"),
        ({"content": [{"type": "video"}, {"type": "text", "text": ""}]}, "[video]", "ok"),
    ],
)  # fmt: skip
def test_answers_become_text(answer, content, status):
    """What says the same twice is there once."""
    output = read_answer(answer)
    assert (output.content, output.status) == (content, status)


@settings(max_examples=40)
@given(some.lists(BLOCKS | JSON, max_size=4), JSON)
def test_no_answer_raises(blocks, structured):
    """A server may send anything."""
    content = read_answer({"content": blocks, "structuredContent": structured}).content
    assert isinstance(content, str)
    assert content
