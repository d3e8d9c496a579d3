"""One event, one line."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorder.errors import CorruptJournalError, MisuseError
from recorder.events import (
    ModelFailed,
    ModelReplied,
    Scored,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    ToolStarted,
    Unknown,
    UserSpoke,
    timestamp,
)
from recorder.framing import check, checksum, frame, frame_into, unframe
from recorder.messages import Message, Times, ToolCall, Usage

LONE = st.sampled_from(["\ud800", "a\udfffb", "\udc00\ud800"])
WORDS = st.text(max_size=6).map(lambda text: text.encode(errors="ignore").decode()) | LONE
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=5,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=2)
CALLS = st.builds(ToolCall, WORDS, WORDS, WORDS)
ORIGINS = st.sampled_from(["dataset", "user", "harness", "model"])
FLAGS = st.lists(WORDS, max_size=2).map(tuple)
USAGES = st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), cost_usd=NUMBERS)
TIMES = st.none() | st.builds(Times, WORDS, st.none() | WORDS, WORDS)
STAMP = {
    "session": WORDS,
    "seq": st.integers(0, 2**40),
    "ts": st.integers(0, 2**31).map(timestamp),
}
EVENTS = st.one_of(
    st.builds(SegmentOpened, **STAMP, schema=st.just(1), run=WORDS, writer=WORDS, sync=WORDS),
    st.builds(ToolsDeclared, **STAMP, tools=st.lists(OBJECTS, max_size=2).map(tuple)),
    st.builds(
        SessionStarted,
        **STAMP,
        messages=st.lists(
            st.builds(Message, WORDS, VALUES, ORIGINS, calls=st.tuples(CALLS)), max_size=2
        ).map(tuple),
        draw_seed=st.none() | WORDS,
        sampling=OBJECTS,
        metadata=OBJECTS,
        flags=FLAGS,
    ),
    st.builds(ModelFailed, **STAMP, wait_s=st.none() | NUMBERS, usage=USAGES),
    st.builds(
        ModelReplied,
        **STAMP,
        text=st.none() | WORDS,
        reasoning=st.none() | WORDS,
        provider_state=VALUES,
        calls=st.lists(CALLS, max_size=2).map(tuple),
        usage=USAGES,
        times=TIMES,
        token_ids=st.none() | st.just((1, 2)),
        logprobs=st.none() | st.just((-0.5, None)),
        origin=ORIGINS,
        flags=FLAGS,
    ),
    st.builds(ToolStarted, **STAMP, effect=st.sampled_from(["pure", "external"])),
    st.builds(ToolReturned, **STAMP, call_id=st.none() | WORDS, output=VALUES, times=TIMES),
    st.builds(UserSpoke, **STAMP, content=VALUES, origin=ORIGINS),
    st.builds(Scored, **STAMP, rewards=st.dictionaries(WORDS, st.none() | NUMBERS, max_size=2)),
    st.builds(SessionResumed, **STAMP),
    st.builds(SessionEnded, **STAMP, outcome=st.sampled_from(["completed", "limit"])),
)
FUTURE = {
    "event": "dreamt",
    "session": "s",
    "seq": 3,
    "ts": timestamp(0),
    "of": ["sheep", "\ud800"],
}


def line_of(body: bytes) -> bytes:
    """Frame a body by hand."""
    return body + b',"crc":"%08x"}' % zlib.crc32(body)


def body_of(document) -> bytes:
    """Write a document without its closing brace."""
    return json.dumps(document).encode()[:-1]


@given(EVENTS)
@example(ToolReturned(session="s", seq=0, ts=timestamp(0), output="\u2028\x85\n\x00"))
def test_a_line_is_read_back_as_the_event_it_was_made_of(event):
    """Every event survives, with lone surrogates, integers of any size, and any white space."""
    line = frame(event)
    assert unframe(line.removesuffix(b"\n")) == event


@given(EVENTS, st.binary(max_size=2000))
def test_a_line_takes_the_place_of_another(event, before):
    """A buffer that is used again and again holds the line and nothing else."""
    buffer = bytearray(before)
    end = frame_into(event, buffer)
    assert buffer + end == frame(event)


@given(EVENTS)
def test_a_line_is_one_line_of_plain_json(event):
    """Only the last byte is a newline, the checksum is the last member, the text is UTF-8."""
    line = frame(event)
    assert line.index(b"\n") == len(line) - 1
    assert list(json.loads(line.decode()))[-1] == "crc"
    assert next(iter(json.loads(line))) == "event"
    assert json.loads(line)["crc"].encode() == checksum(line[:-1])


@given(EVENTS, st.data())
def test_no_flipped_byte_goes_unnoticed(event, data):
    """A line that differs in one byte does not check."""
    line = bytearray(frame(event)[:-1])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptJournalError):
        check(bytes(line))


@given(EVENTS, st.data())
def test_no_torn_line_checks(event, data):
    """A line that was cut anywhere, or not written at all, is corrupt."""
    line = frame(event)[:-1]
    with pytest.raises(CorruptJournalError):
        unframe(line[: data.draw(st.integers(0, len(line) - 1))])


@given(st.dictionaries(st.text("abc"), VALUES, max_size=2), st.integers(0, 9))
def test_an_event_of_a_later_version_is_kept_byte_for_byte(fields, spaces):
    """What is not understood is framed again as it was read."""
    document = {**fields, **FUTURE}
    body = json.dumps(document, indent=None, separators=("," + " " * spaces, ": ")).encode()[:-1]
    line = line_of(body)
    event = unframe(line)
    assert isinstance(event, Unknown)
    assert (event.event, event.session, event.seq, event.raw) == ("dreamt", "s", 3, body)
    assert frame(event) == line + b"\n"
    buffer = bytearray()
    end = frame_into(event, buffer)
    assert buffer + end == line + b"\n"


def test_a_field_of_a_later_version_is_no_error():
    """Events of a known kind may have grown."""
    known = body_of({"event": "session_resumed", **STAMP_VALUES, "attempt": 2, "previous": "x"})
    grown = body_of(
        {"event": "session_resumed", **STAMP_VALUES, "attempt": 2, "previous": "x", "mood": "fine"}
    )
    assert unframe(line_of(grown)) == unframe(line_of(known))


STAMP_VALUES = {"session": "s", "seq": 0, "ts": timestamp(0)}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        body_of({"event": "scored", **STAMP_VALUES}),
        body_of({"event": "scored", **STAMP_VALUES, "rewards": {}, "source": 3}),
        body_of({"event": "scored", **STAMP_VALUES, "rewards": "\ud800", "source": ""}),
        body_of({"event": "dreamt", **STAMP_VALUES, "seq": "first"}),
        body_of({"event": 3, **STAMP_VALUES}),
        body_of(STAMP_VALUES),
        b'{"event":"dreamt","deep":' + b"[" * 100_000 + b"]" * 100_000,
        b'{"event":"user_spoke","content":"\xff"',
    ],
)
def test_a_line_that_checks_but_is_no_event_is_corrupt(body):
    """Nothing is guessed, and nothing else is raised."""
    with pytest.raises(CorruptJournalError, match="no event has this shape"):
        unframe(line_of(body))


def test_an_event_that_could_not_be_read_back_is_not_written():
    """What is nested without end is refused before it reaches a file."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    event = ToolReturned(session="s", seq=0, ts=timestamp(0), output=deep)
    with pytest.raises(MisuseError, match="can't be written"):
        frame(event)
