"""Bodies are cut into the same payloads, however they arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.models.sse import DONE, Splitter


def split(*pieces: bytes) -> list[bytes]:
    """Give all payloads of a body that arrives in *pieces*."""
    splitter = Splitter()
    payloads = [payload for piece in pieces for payload in splitter.feed(piece)]
    return payloads + splitter.end()


@pytest.mark.parametrize(
    ("body", "payloads"),
    [
        (b"", []),
        (b'data: {"a":1}\n\n', [b'{"a":1}']),
        (b'data:{"a":1}\n\ndata: [DONE]\n\n', [b'{"a":1}', DONE]),
        (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [b"1", b"2"]),
        (b"data: 1\r\rdata: 2\r\r", [b"1", b"2"]),
        (b"data: 1\n\r\ndata: 2\r\n\n", [b"1", b"2"]),
        (b"data: 1\n\n\n\n\ndata: 2\n\n", [b"1", b"2"]),
        (b"data: [1,\ndata: 2]\n\n", [b"[1,\n2]"]),
        (b"event: x\nid: 7\nretry: 9\ndata: 1\n\n", [b"1"]),
        (b": keep-alive\n\n: keep-alive\n\n", []),
        (b": OPENROUTER PROCESSING\n\ndata: 1\n\n", [b"1"]),
        (b"data:\n\ndata: 1\n\n", [b"1"]),
        (b"data\n\ndata: 1\n\n", [b"1"]),
        (b"database: 0\n\ndata: 1\n\n", [b"1"]),
        (b"\xef\xbb\xbfdata: 1\n\n", [b"1"]),
        (b"\n \r\ndata: 1\n\n", [b"1"]),
        (b"data: 1\n\ndata: 2", [b"1", b"2"]),
        (b"data: 1\n\ndata: 2\n", [b"1", b"2"]),
        (b"data: 1\n\nda", [b"1"]),
        (
            b"data: one\x0btwo\x0cthree\x85\xe2\x80\xa8four\n\n",
            [b"one\x0btwo\x0cthree\x85\xe2\x80\xa8four"],
        ),
        (b'{"choices":\n\n[]}', [b'{"choices":\n\n[]}']),
        (b'\n\n\n {"a":1}', [b'{"a":1}']),
        (b'[{"error":1}]\n', [b'[{"error":1}]\n']),
        (b"<html>\n\ndata: 1\n\n</html>", [b"<html>\n\ndata: 1\n\n</html>"]),
        (b"upstream is down\n", []),
    ],
)
def test_a_body_has_these_payloads_whole_and_byte_by_byte(body, payloads):
    """Line ends of all three kinds, comments, other fields, and documents that are no stream."""
    assert split(body) == payloads
    assert split(*(body[at : at + 1] for at in range(len(body)))) == payloads


lines = st.sampled_from(
    [
        b"data: 1",
        b"data:2",
        'data: {"a": "é😀"}'.encode(),
        b"data: [DONE]",
        b": c",
        b"event: x",
        b"",
    ]
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
bodies = st.lists(st.tuples(lines, ends), max_size=12).map(
    lambda drawn: b"".join(part for pair in drawn for part in pair)
)


@given(body=st.one_of(bodies, st.binary(max_size=60)), cuts=st.lists(st.integers(0, 200)))
def test_where_a_body_is_cut_makes_no_difference(body, cuts):
    """Inside a character, inside a line end, into nothing at all."""
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:stop] for start, stop in pairwise(places)]
    assert split(b"", *pieces, b"") == split(body)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_bytes_are_too_much_for_it(pieces):
    """Payloads are never empty, and the end can be asked for more than once."""
    splitter = Splitter()
    payloads = [payload for piece in pieces for payload in splitter.feed(piece)]
    assert all([*payloads, *splitter.end()])
    assert splitter.end() == []


def test_payloads_come_as_soon_as_their_event_is_complete():
    """Nothing waits for the next event, not even behind a carriage return."""
    splitter = Splitter()
    assert splitter.feed(b"data: 1\n") == []
    assert splitter.feed(b"\n") == [b"1"]
    assert splitter.feed(b"data: 2\r\n\r") == [b"2"]
    assert splitter.feed(b"\ndata: 3\n\n") == [b"3"]


def test_what_a_body_is_shows_in_its_first_byte():
    """Until it has come, nothing is known."""
    splitter = Splitter()
    splitter.feed(b" \r\n")
    assert not splitter.is_document
    splitter.feed(b"{")
    assert splitter.is_document


def test_a_line_of_many_small_pieces_is_put_together_once():
    """A million pieces are as quick as one, or this test would not end."""
    splitter = Splitter()
    for _ in range(1_000_000):
        splitter.feed(b"data: xxxx")
    (payload,) = splitter.feed(b"\n\n")
    assert len(payload) == 10_000_000 - len(b"data: ")
