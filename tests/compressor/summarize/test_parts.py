"""Long records in parts."""

from __future__ import annotations

import pytest

from compressor.summarize.parts import packed, shortened


def test_nothing_is_lost_between_parts(counter):
    """Put together, the parts are the texts, and none is longer than it may be."""
    texts = [f"turn {number}: " + "words and more words\n" * (number * 9) for number in range(12)]
    parts = packed(texts, 300, counter)
    assert len(parts) > 3
    assert "".join("\n".join(parts).split()) == "".join("".join(texts).split())
    assert all(counter.count(part) <= 330 for part in parts)


def test_short_texts_are_one_part(counter):
    """What fits stays together."""
    assert packed(["a", "b"], 100, counter) == ["a\nb"]
    assert packed([], 100, counter) == []


def test_a_text_without_line_ends_is_cut_anywhere(counter):
    """No text is too long to be cut."""
    parts = packed(["x1y2z3" * 2_000], 500, counter)
    assert "".join(parts) == "x1y2z3" * 2_000
    assert len(parts) > 5


@pytest.mark.parametrize("room", [0, 1, 7, 20, 60])
def test_what_is_too_long_ends_with_a_sentence_where_one_is_near(counter, room):
    """A shortened text is a beginning of the text that fits."""
    text = "First this happened. Then that happened! Was it good? It was. " * 3
    short = shortened(text, room, counter)
    assert counter.count(short) <= room
    assert text.startswith(short)
    assert room < 7 or short.rstrip()[-1] in ".!?"


def test_what_fits_is_left_alone(counter):
    """Not even its last space is touched."""
    assert shortened("All is well. ", 100, counter) == "All is well. "


def test_one_long_word_is_cut_where_it_has_to_be(counter):
    """Where no sentence ends, the text ends anywhere."""
    assert shortened("abc" * 500, 10, counter).startswith("abcabc")
