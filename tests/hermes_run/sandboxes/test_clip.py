"""Long output loses its middle, by bytes, and says so."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.sandboxes.clip import Clip, cut, feed, render

MARK = re.compile(rb"\n\[\.\.\. (\d+) bytes cut \.\.\.\]\n")


def through(chunks: list[bytes], limit: int) -> Clip:
    """Feed *chunks* one after the other."""
    clip = Clip(limit)
    for chunk in chunks:
        clip = feed(clip, chunk)
    return clip


@given(st.lists(st.binary(max_size=40)), st.integers(0, 60))
def test_it_does_not_matter_in_which_pieces_a_stream_comes(chunks, limit):
    """What is kept depends on the bytes alone."""
    whole = b"".join(chunks)
    clip = through(chunks, limit)
    assert render(clip) == cut(whole, limit)
    assert clip.size == len(whole)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_head_and_tail_and_what_is_cut_add_up_to_the_whole(content, limit):
    """The head is a beginning, the tail an end, and the number in between is what is missing."""
    kept = cut(content, limit)
    mark = MARK.search(kept) if len(content) > limit else None
    if mark is None:
        assert kept == content
        return
    head, tail = kept[: mark.start()], kept[mark.end() :]
    assert content.startswith(head)
    assert content.endswith(tail)
    assert len(head) + int(mark[1]) + len(tail) == len(content)
    assert len(head) + len(tail) <= limit


@given(st.text(max_size=100), st.integers(0, 60))
def test_no_character_is_split_where_the_middle_is_missing(text, limit):
    """Text stays text: whole characters at the end of the head and at the start of the tail."""
    head, _, rest = cut(text.encode(), limit).decode().partition("\n[... ")
    assert text.startswith(head)
    assert text.endswith(rest.partition(" bytes cut ...]\n")[2])


@pytest.mark.parametrize(
    ("content", "limit", "kept"),
    [
        ("aéé", 3, b"a\n[... 2 bytes cut ...]\n\xc3\xa9"),
        ("a€€", 5, b"a\n[... 3 bytes cut ...]\n\xe2\x82\xac"),
        ("😀😀😀", 8, b"\xf0\x9f\x98\x80\n[... 4 bytes cut ...]\n\xf0\x9f\x98\x80"),
        ("😀😀😀", 6, b"\n[... 12 bytes cut ...]\n"),
    ],
)
def test_characters_of_any_width_are_kept_whole(content, limit, kept):
    """Two, three and four bytes count as one."""
    assert cut(content.encode(), limit) == kept


def test_bytes_that_are_no_text_are_cut_where_the_limit_is():
    """Only what could be a character is left out as a whole."""
    assert cut(b"\x80" * 20, 8) == b"\x80" * 4 + b"\n[... 15 bytes cut ...]\n" + b"\x80"
    assert cut(b"\xff" * 20, 8) == b"\xff" * 3 + b"\n[... 13 bytes cut ...]\n" + b"\xff" * 4


def test_a_second_cut_counts_from_the_first_size_and_has_one_mark():
    """Output cut twice reads as if it had been cut once."""
    content = bytes(range(65, 91)) * 400
    once = cut(content, 2000)
    assert cut(once, 500, len(content)) == cut(content, 500)
    assert cut(once, 5000, len(content)) == once


def test_a_flood_is_kept_in_bounds():
    """Memory does not grow with the stream."""
    clip = through([b"x" * 65_536] * 100, 1000)
    assert (len(clip.head), len(clip.tail), clip.size) == (500, 500, 6_553_600)
