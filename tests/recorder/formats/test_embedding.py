"""JSON inside a trajectory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.formats.embedding import (
    DEPTH,
    dump,
    embed,
    embed_value,
    flat,
    read,
    spell,
)
from recorder.shapes import is_deeper

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int) -> str:
    """Write arrays inside one another."""
    return "[" * depth + "]" * depth


@given(st.text() | VALUES.map(json.dumps))
def test_embedded_text_means_the_text_or_the_value_in_it(text):
    """A string is quoted; an object or array is written as itself."""
    written = json.loads(embed(text))
    assert written == (text if isinstance(written, str) else json.loads(text))


@given(VALUES)
def test_a_value_is_embedded_as_itself(value):
    """What is no string is written as ``json.dumps`` writes it."""
    if not isinstance(value, str) and "Infinity" not in json.dumps(value):
        assert embed_value(value) == json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"b":1,\n "a" :  2.0, "c":1e3}', '{"b": 1, "a": 2.0, "c": 1000.0}'),
        ("\n [1,2]", "[1, 2]"),
        ('{"a": "\\u00e9\\ud83d\\ude42"}', '{"a": "é🙂"}'),
        ('{"a": 0.10, "b": -0.0, "c": 1E-2}', '{"a": 0.1, "b": -0.0, "c": 0.01}'),
        ('{"a": 123456789012345678901234567890}', '{"a": 123456789012345678901234567890}'),
        (nested(DEPTH), nested(DEPTH)),
        ('["' + "{[" * 100 + '"]', '["' + "{[" * 100 + '"]'),
        ("", '""'),
        ("42", '"42"'),
        ('"str"', '"\\"str\\""'),
        ("null", '"null"'),
        ("{not json}", '"{not json}"'),
        ('{"a":1} trailing', '"{\\"a\\":1} trailing"'),
    ],
)
def test_objects_and_arrays_are_embedded_and_all_else_is_quoted(text, written):
    """White space and the spelling of numbers and escapes may change, nothing else."""
    assert embed(text) == written


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[Infinity]",
        "[-Infinity]",
        "[1e400]",
        "[0.1000000000000000055511151231257827]",
        "[1e-400]",
        "[1e-99999999999999999999]",
        '{"a": ' + "9" * 5000 + "}",
        nested(DEPTH + 1),
        nested(500),
        nested(100_000),
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_json_that_would_lose_something_stays_text(text):
    """Duplicate keys, no numbers, lost digits, and nesting without end are kept as they were."""
    assert read(text) is None
    assert json.loads(embed(text)) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (-3, "-3"),
        (1.5, "1.5"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        ({"a": float("nan")}, '"{\\"a\\": NaN}"'),
        (json.loads(nested(DEPTH + 1)), json.dumps(nested(DEPTH + 1))),
        ('{"a":1}', '{"a": 1}'),
        ((1, 2), "[1, 2]"),
        (["\ud83d", "\ud83d\ude42"], '["\ud83d", "🙂"]'),
    ],
)
def test_a_value_that_json_does_not_allow_is_embedded_as_its_text(value, written):
    """Numbers that are none and nesting too deep are quoted, whatever shape they came in."""
    assert embed_value(value) == written


def endless():
    """Give a list that holds itself."""
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [b"bytes", [object()], endless(), {"a": {1, 2}}])
@pytest.mark.parametrize("write", [dump, spell, embed_value])
def test_what_has_no_json_form_is_a_format_error(write, value):
    """No other error comes out."""
    with pytest.raises(FormatError, match="can't be written as JSON"):
        write(value)


def test_dumping_is_strict_and_spelling_is_not():
    """A schema must be JSON; a text may name what is no number."""
    assert spell([float("nan"), "é"]) == '[NaN, "é"]'
    assert dump("é") == '"é"'
    with pytest.raises(FormatError):
        dump([float("nan")])


@pytest.mark.parametrize("value", [endless(), object()])
def test_content_that_has_no_text_is_a_format_error(value):
    """So is content no reader could have produced."""
    with pytest.raises(FormatError, match="can't be written as text"):
        flat(value)


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("a", "a"), ([{"type": "text", "text": "a"}, {"type": "image"}], "a\n[image]")],
)
def test_content_is_flattened_to_a_string(content, text):
    """Values in trajectories are always strings."""
    assert flat(content) == text


def test_depth_counts_objects_and_arrays_alike():
    """The limit itself passes, one more does not."""
    value = 1
    for level in range(DEPTH):
        value = [value, 1] if level % 2 else {"a": value, "b": 1}
    assert not is_deeper(value, DEPTH)
    assert is_deeper([value], DEPTH)
