"""The values a conversation is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.messages import Usage, add_usage, text_of

USAGES = st.builds(
    Usage,
    input=st.integers(0, 9),
    output=st.integers(0, 9),
    cached=st.integers(0, 9),
    reasoning=st.integers(0, 9),
    cost_usd=st.none() | st.integers(0, 9),
    estimated=st.booleans(),
)


@given(USAGES, USAGES, USAGES)
def test_usages_add_up_in_any_order(one, two, three):
    """Adding is associative and commutative, and adding nothing changes nothing."""
    assert add_usage(add_usage(one, two), three) == add_usage(one, add_usage(two, three))
    assert add_usage(one, two) == add_usage(two, one)
    assert add_usage(one, Usage()) == one


def test_a_cost_is_known_as_soon_as_one_of_two_is():
    """An unknown cost is no zero: two unknown ones stay unknown."""
    assert add_usage(Usage(cost_usd=0.25), Usage()).cost_usd == 0.25
    assert add_usage(Usage(cost_usd=0.25), Usage(cost_usd=0.5)).cost_usd == 0.75
    assert add_usage(Usage(), Usage()).cost_usd is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, None),
        ("as it is", "as it is"),
        ({"a": "é"}, '{"a": "é"}'),
        (4, "4"),
        ([], ""),
        ([{"type": "text", "text": "one"}, "two", {"type": "image_url"}], "one\ntwo\n[image]"),
        ([{"type": "input_image", "text": 3}, {"type": "audio"}], '[image]\n{"type": "audio"}'),
    ],
)
def test_content_of_any_shape_flattens_to_text(content, text):
    """Texts are joined by newlines, pictures leave a word, anything else is JSON."""
    assert text_of(content) == text


def test_the_word_for_a_picture_can_be_chosen():
    """Tool results have another word for it than user turns."""
    assert text_of([{"type": "image"}], image="[screenshot]") == "[screenshot]"
