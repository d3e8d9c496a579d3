"""JSON as records hold it."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import MisuseError
from recorder.json_text import canonical, decode, encode

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
WORDS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\ud800", "a\udc00b"])
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_read_back_as_it_was_written(value):
    """Lone surrogates, big integers and any text come through."""
    assert decode(encode(value)) == value
    assert json.loads(encode(value)) == value


@given(VALUES)
def test_writing_uses_nothing_a_line_or_a_strict_reader_would_trip_over(value):
    """The bytes are UTF-8 and hold no newline."""
    assert b"\n" not in encode(value)
    encode(value).decode()


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value):
    """Equal objects have equal canonical bytes."""
    backwards = dict(reversed(value.items()))
    assert canonical(backwards) == canonical(value)
    assert decode(canonical(value)) == value


@pytest.mark.parametrize("word", ["plain", "\ud800"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_becomes_null(word, number):
    """NaN is never written, not even beside a lone surrogate."""
    assert decode(encode([word, number])) == [word, None]


@pytest.mark.parametrize("word", ["plain", "\ud800"])
def test_what_has_no_json_form_is_refused(word):
    """Values no reader could take are the caller's fault, and the error says so."""
    deep = word
    for _ in range(100_000):
        deep = [deep]
    for value in ([word, object()], [word, 10**5000], deep):
        with pytest.raises(MisuseError, match="can't be written as JSON"):
            encode(value)


@pytest.mark.parametrize("content", [b"", b"{", b"NaN", b'["\\ud800", NaN]', b"[" * 100_000])
def test_what_is_no_json_is_no_value(content):
    """Reading fails with one kind of error only."""
    with pytest.raises(ValueError, match=r".*"):
        decode(content)


class Word(str):
    """A string of somebody's own class, as NumPy has them."""

    __slots__ = ()


class Whole(int):
    """An integer of somebody's own class."""

    __slots__ = ()


class Part(float):
    """A number of somebody's own class."""

    __slots__ = ()


def test_values_of_other_classes_are_written_as_what_they_are():
    """Strings, numbers and mappings need not be Python's own."""
    value = [Word("a"), Whole(3), Part(0.5), MappingProxyType({"k": Word("v")})]
    assert decode(encode(value)) == ["a", 3, 0.5, {"k": "v"}]
