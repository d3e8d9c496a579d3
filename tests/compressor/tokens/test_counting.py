"""Clean texts, the estimate, the cache."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressor.tokens import Cached, Estimate, clean


class Tally:
    """Counts characters, and how often it was asked."""

    name, exact = "characters", True

    def __init__(self):
        """Start at none."""
        self.asked = 0

    def count(self, text):
        """Count the characters of *text*."""
        self.asked += 1
        return len(text)


@given(st.text(st.characters(), max_size=20))
def test_clean_text_can_always_be_encoded(text):
    """Whatever it held, UTF-8 takes it; what UTF-8 took before is left alone."""
    assert clean(clean(text)) == clean(text)
    clean(text).encode()


def test_text_without_surrogates_is_given_back_as_it_is():
    """ASCII or not."""
    assert clean("plain") == "plain"
    assert clean("ça 漢字 🙂") == "ça 漢字 🙂"


def test_lone_surrogates_become_the_replacement_character():
    """One each; a pair that was cut apart becomes its character."""
    assert clean("\ud800a\udc00") == "\ufffda\ufffd"
    assert clean("\ud83d\ude42") == "🙂"


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a", 1), ("abcd", 2), ("漢字", 2), ("\ud800", 1)]
)
def test_the_estimate_counts_bytes_by_three(text, count):
    """Rounded up, for any text; it says that it is not exact."""
    estimate = Estimate()
    assert estimate.count(text) == count
    assert (estimate.name, estimate.exact) == ("estimate", False)


def test_a_text_is_counted_once():
    """The second time the count is known."""
    tally = Tally()
    counter = Cached(tally)
    assert [counter.count("abc"), counter.count("abc"), counter.count("abcd")] == [3, 3, 4]
    assert tally.asked == 2
    assert (counter.name, counter.exact, len(counter)) == ("characters", True, 2)


def test_what_was_used_longest_ago_goes_first():
    """The cache never holds more than it may."""
    tally = Tally()
    counter = Cached(tally, entries=2)
    for text in ("a", "bb", "a", "ccc"):
        counter.count(text)
    assert (len(counter), tally.asked) == (2, 3)
    counter.count("a")
    assert tally.asked == 3
    counter.count("bb")
    assert tally.asked == 4


def test_a_cache_before_a_cache_is_one_cache():
    """Whoever wraps a counter need not know whether it is cached."""
    tally = Tally()
    assert Cached(Cached(tally)).behind is tally


def test_a_cache_goes_to_another_process_without_its_counts():
    """Hashes have another key there."""
    counter = Cached(Estimate(), entries=7)
    counter.count("abc")
    there = pickle.loads(pickle.dumps(counter))
    assert (len(there), there.count("abc")) == (0, 1)
