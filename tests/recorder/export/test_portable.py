"""A row that every reader takes: what it says of each change, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.export.portable import BIG_INTEGER, DEEPEST, LONE_SURROGATE, portable
from recorder.json_text import encode

TEXTS = st.text(st.characters(codec=None))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, VALUES))
def test_whatever_comes_out_is_plain_or_refused(row):
    """It is UTF-8, its integers have 64 bits, and nothing else was changed."""
    try:
        made, changes = portable(row)
    except FormatError:
        return
    content = encode(made)
    assert json.loads(content.decode()) == made
    if not changes:
        assert made == row
    assert portable(made) == (made, {})


@pytest.mark.parametrize(
    ("value", "becomes", "change"),
    [
        ("a\ud800b", "a\ufffdb", LONE_SURROGATE),
        ("\udc00\ud800", "\ufffd\ufffd", LONE_SURROGATE),
        ("\ud83d\ude00", "\U0001f600", LONE_SURROGATE),
        ("\ufeffx\ud800", "\ufeffx\ufffd", LONE_SURROGATE),
        (2**63, "9223372036854775808", BIG_INTEGER),
        (-(2**63) - 1, "-9223372036854775809", BIG_INTEGER),
    ],
)
def test_what_readers_fail_on_is_changed_and_counted(value, becomes, change):
    """Wherever it stands."""
    made, changes = portable({"a": [{"b": value}], "c": (value,)})
    assert made == {"a": [{"b": becomes}], "c": [becomes]}
    assert changes == {change: 2}


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), True, 0.1, None, "é\x00\u2028"])
def test_what_readers_take_stays(value):
    """To the last bit."""
    assert portable({"a": value}) == ({"a": value}, {})


def test_an_integer_that_python_can_not_write_is_written_all_the_same():
    """In base sixteen."""
    made, _ = portable({"a": 16**5000})
    assert made == {"a": "0x1" + "0" * 5000}


def test_keys_that_would_become_one_are_refused():
    """One of the values would be lost."""
    with pytest.raises(FormatError, match="two keys"):
        portable({"a": dict.fromkeys(("\ud800", "\ud801"), 1)})


def test_a_row_that_is_nested_too_deeply_is_refused():
    """Readers give up on it, each at another depth."""
    value = 1
    for _ in range(DEEPEST - 1):
        value = [value]
    portable({"a": value})
    for _ in range(100_000):
        value = [value]
    with pytest.raises(FormatError, match="nested more than 200"):
        portable({"a": value})
