"""Reading a journal: a torn tail is told from corruption, and nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    Event,
    SegmentOpened,
    SessionStarted,
    ToolsDeclared,
    Unknown,
    UserSpoke,
)
from recorder.framing import frame
from recorder.journal import open_journal
from recorder.messages import Message
from recorder.reader import Entry, Folding, Torn, fold_journal, read, read_segment
from recorder.session import fold
from recorder.settings import JournalSettings
from recorder.standing import stand

TS = "2026-11-22T17:00:00.000Z"
OPENED = SegmentOpened(
    session="", seq=0, ts=TS, schema=1, run="run-1", writer="me", sync="group", version="1"
)
TOOLS = ({"type": "function", "function": {"name": "f"}},)
DECLARED = ToolsDeclared(session="", seq=1, ts=TS, tools_hash="hash", tools=TOOLS)
STRANGE = "a\u2028b\u2029c\x85d\x0be\x1cf \ud800 \u0000 é 漢 🙂"


def started(session: str = "s", tools: str = "") -> SessionStarted:
    """Make the first event of a session."""
    return SessionStarted(
        session=session, seq=0, ts=TS, messages=(Message("user", STRANGE),), tools_hash=tools
    )


def spoke(seq: int, text: str = "", session: str = "s") -> UserSpoke:
    """Make a later event."""
    return UserSpoke(session=session, seq=seq, ts=TS, content=text or f"turn {seq}")


def write(folder: Path, *segments: Sequence[Event] | bytes) -> Path:
    """Make a journal of segments, given as events after the heading, or as bytes."""
    for number, segment in enumerate(segments):
        content = (
            segment
            if isinstance(segment, bytes)
            else b"".join(frame(event) for event in (OPENED, *segment))
        )
        (folder / f"{number:05d}-me.jsonl").write_bytes(content)
    return folder


def lines_of(*events: Event) -> bytes:
    """Make the bytes of a segment."""
    return b"".join(frame(event) for event in (OPENED, *events))


def events_in(folder: Path) -> list[Event]:
    """Read the events of a journal, leaving torn tails out."""
    return [entry.event for entry in read(folder) if isinstance(entry, Entry)]


EVENTS = (started(), spoke(1), spoke(2, STRANGE), started("t"), spoke(1, session="t"))


def test_a_whole_journal_is_read_and_folded(tmp_path):
    """Sessions stand in the order they started; strange line separators split nothing."""
    folded = fold_journal(write(tmp_path, EVENTS))
    assert events_in(tmp_path) == [OPENED, *EVENTS]
    assert list(folded.sessions) == ["s", "t"]
    assert folded.sessions["s"] == fold(EVENTS[:3])
    assert folded.sessions["s"].turns[0] == Message("user", STRANGE)
    assert (folded.run, folded.events, folded.torn) == ("run-1", 6, ())


def test_every_entry_says_where_it_stands(tmp_path):
    """By segment and line, counted from 1."""
    write(tmp_path, EVENTS[:2], EVENTS[2:3])
    places = [(e.segment, e.line) for e in read(tmp_path) if isinstance(e, Entry)]
    assert places == [
        ("00000-me.jsonl", 1),
        ("00000-me.jsonl", 2),
        ("00000-me.jsonl", 3),
        ("00001-me.jsonl", 1),
        ("00001-me.jsonl", 2),
    ]


def test_a_journal_that_is_not_there_is_the_directorys_fault(tmp_path):
    """As is one that can't be read."""
    with pytest.raises(RunDirectoryError, match="can't be read"):
        fold_journal(tmp_path / "gone")
    (tmp_path / "00000-me.jsonl").mkdir()
    with pytest.raises(RunDirectoryError, match="can't be read"):
        fold_journal(tmp_path)


def test_a_segment_that_is_gone_again_is_passed_over(tmp_path):
    """Nothing in it was acknowledged: where a disk is full, a segment may come and go."""
    write(tmp_path, EVENTS, EVENTS[:1])
    found = read(tmp_path)
    assert isinstance(next(found), Entry)
    (tmp_path / "00001-me.jsonl").unlink()
    assert len(list(found)) == len(EVENTS)


def test_an_empty_segment_is_fine(tmp_path):
    """A process may die just after it made the file; an empty folder is fine, too."""
    assert fold_journal(tmp_path).sessions == {}
    folded = fold_journal(write(tmp_path, b"", EVENTS))
    assert (len(folded.sessions), folded.torn) == (2, ())


def test_cut_at_any_byte_a_journal_gives_a_prefix_of_its_events(tmp_path):
    """Never an error, never another event; what is cut within a line is told as torn."""
    whole = lines_of(*EVENTS)
    ends = [0]
    for event in (OPENED, *EVENTS):
        ends.append(ends[-1] + len(frame(event)))
    for cut in range(len(whole) + 1):
        write(tmp_path, whole[:cut])
        found = list(read(tmp_path))
        events = [entry.event for entry in found if isinstance(entry, Entry)]
        assert events == [OPENED, *EVENTS][: len(events)]
        # A line that only lacks its newline is whole.
        assert len(events) == sum(end - 1 <= cut for end in ends[1:])
        torn = [entry for entry in found if isinstance(entry, Torn)]
        rest = cut - ends[len(events)]
        assert [one.size for one in torn] == ([rest] if rest > 0 else [])
        assert fold_journal(tmp_path).torn == tuple(torn)


def test_cut_anywhere_a_segment_leaves_those_after_it_readable(tmp_path):
    """A process that died is followed by another, which began a segment of its own."""
    whole = lines_of(*EVENTS[:3])
    last = len(frame(EVENTS[2]))
    for cut in range(len(whole) - last, len(whole) - 1):
        write(tmp_path, whole[:cut], EVENTS[2:])
        folded = fold_journal(tmp_path)
        assert folded.sessions["s"] == fold(EVENTS[:3])
        assert len(folded.torn) == (cut > len(whole) - last)


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, bit):
    """It is corruption, or it costs no more than the last line; never is another event read."""
    whole = lines_of(*EVENTS)
    last = len(whole) - len(frame(EVENTS[-1]))
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 1 << bit
        write(tmp_path, bytes(broken))
        with suppress(CorruptJournalError):
            assert events_in(tmp_path) == [OPENED, *EVENTS[:-1]]
            assert place >= last


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 4096, b"\0", b"garbage", b'{"event":', b"\xff\xfe", "é".encode()[:1], b"\x85\x1c"],
)
def test_a_tail_that_does_not_check_is_torn(tmp_path, tail):
    """It was being written when the process died; it was never acknowledged."""
    folded = fold_journal(write(tmp_path, lines_of(*EVENTS) + tail))
    assert folded.torn == (Torn("00000-me.jsonl", 7, len(tail)),)
    assert folded.sessions["s"] == fold(EVENTS[:3])


def test_a_line_that_only_lacks_its_newline_is_kept(tmp_path):
    """All of it was written, so it counts."""
    folded = fold_journal(write(tmp_path, lines_of(*EVENTS)[:-1]))
    assert folded.sessions["t"].seq == 2
    assert folded.torn == ()


@pytest.mark.parametrize("block", [b"\0" * 512, b"\0\n", b"garbage\n", b"\n", b"{}\n"])
def test_anything_else_that_does_not_check_is_corruption(tmp_path, block):
    """Zeros in the middle, garbage and empty lines: with their segment and their line."""
    write(tmp_path, lines_of(EVENTS[0]) + block + b"".join(map(frame, EVENTS[1:])))
    with pytest.raises(CorruptJournalError, match=r"00000-me\.jsonl, line 3: the checksum"):
        fold_journal(tmp_path)


def test_a_last_line_that_checks_but_is_no_event_is_corruption(tmp_path):
    """It was written whole, so it is not torn, with or without its newline."""
    unknown = Unknown(event="later", session="s", seq=1, ts="noon", raw=b'{"event":"later","x":1')
    for line in (frame(unknown), frame(unknown)[:-1]):
        write(tmp_path, lines_of(EVENTS[0]) + line)
        with pytest.raises(CorruptJournalError, match="line 3: no event has this shape"):
            fold_journal(tmp_path)


def test_a_segment_whose_beginning_is_gone_is_corrupt(tmp_path):
    """What was cut off may have been whole sessions."""
    write(tmp_path, b"".join(map(frame, EVENTS)))
    with pytest.raises(CorruptJournalError, match=r"line 1: a segment does not begin like this"):
        fold_journal(tmp_path)


def test_a_segment_of_a_later_schema_is_not_read(tmp_path):
    """Its facts may mean something else: it is not damaged, and needs the version it is of."""
    later = msgspec.structs.replace(OPENED, schema=2, version="9.1")
    write(tmp_path, EVENTS, frame(later))
    for look in (fold_journal, stand, lambda folder: list(read(folder))):
        with pytest.raises(RunDirectoryError, match=r"00001-me.*schema 2 by version 9\.1"):
            look(tmp_path)


def test_events_of_a_later_version_are_kept_as_they_are(tmp_path):
    """They take their number in the session; those about a segment are left alone."""
    raw = b'{"event":"dreamt","session":"s","seq":1,"ts":"%b","of":["\xc3\xa9"]' % TS.encode()
    dreamt = Unknown(event="dreamt", session="s", seq=1, ts=TS, raw=raw)
    about = Unknown(
        event="moved", session="", seq=7, ts=TS, raw=raw.replace(b'"s"', b'""').replace(b"1", b"7")
    )
    write(tmp_path, (started(), dreamt, about, spoke(2)))
    folded = fold_journal(tmp_path)
    assert events_in(tmp_path)[2] == dreamt
    assert folded.sessions["s"].seq == 3
    assert folded.events == 5


def test_of_two_equal_events_one_is_taken(tmp_path):
    """A full disk may have had some written twice."""
    folded = fold_journal(write(tmp_path, EVENTS[:3], EVENTS[1:]))
    assert folded.sessions == fold_journal(write(tmp_path, EVENTS, ())).sessions
    folding = Folding()
    entries = [entry for entry in read(write(tmp_path, EVENTS[:2], EVENTS[1:3])) if entry]
    assert [folding.add(entry) for entry in entries if isinstance(entry, Entry)] == [
        True,
        True,
        True,
        True,
        False,
        True,
    ]
    assert folding.events == 5


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((started(), spoke(1), spoke(1, "other")), "line 4: .*two different events with seq 1"),
        ((started(), spoke(2)), "line 3: .*seq 2 where 1 is due"),
        ((spoke(1),), "line 2: .*seq 1 where 0 is due"),
        ((spoke(0),), "line 2: .*before the session started"),
        ((started(tools="hash"),), "line 2: tools 'hash' were never declared"),
    ],
)
def test_an_event_that_contradicts_another_is_corruption(tmp_path, events, said):
    """The segment and the line are named."""
    with pytest.raises(CorruptJournalError, match=rf"00000-me\.jsonl, {said}"):
        fold_journal(write(tmp_path, events))


def test_a_session_gets_the_tools_it_was_started_with(tmp_path):
    """They may stand in an earlier segment, and again in a later one."""
    folded = fold_journal(
        write(tmp_path, (DECLARED, started("s", "hash")), (DECLARED, started("t", "hash")))
    )
    assert folded.sessions["s"].tools == folded.sessions["t"].tools == TOOLS


def test_a_file_is_read_without_being_changed(tmp_path):
    """Not even when it is torn."""
    write(tmp_path, lines_of(*EVENTS)[:-3])
    path = tmp_path / "00000-me.jsonl"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    list(read_segment(path))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_very_long_line_is_read(tmp_path):
    """Longer than any buffer."""
    long = spoke(1, "x" * 3_000_000)
    assert events_in(write(tmp_path, (started(), long)))[-1] == long


@st.composite
def interleavings(draw):
    """Draw sessions of some events each, and an order that keeps each session's own."""
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    order = draw(st.permutations([name for name, count in enumerate(counts) for _ in range(count)]))
    seqs = dict.fromkeys(range(len(counts)), 0)
    events: list[Event] = []
    for name in order:
        seq = seqs[name]
        session = f"session-{name}"
        text = draw(st.text(max_size=20))
        events.append(spoke(seq, text, session) if seq else started(session))
        seqs[name] += 1
    return events


@given(interleavings(), st.integers(1, 400))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_of_sessions_folds_to_the_same_sessions(tmp_path_factory, events, size):
    """However the journal was cut into segments, each session is the fold of its own events."""
    folder = tmp_path_factory.mktemp("journal")

    async def record():
        chosen = JournalSettings(segment_bytes=size, sync="none", window_s=0, hurry_s=0)
        async with open_journal(folder, "run-1", chosen) as journal:
            for event in events:
                await journal(event)
                if len(event.session) % 2:
                    await journal.durable()

    anyio.run(record)
    folded = fold_journal(folder)
    names = list(dict.fromkeys(event.session for event in events))
    assert list(folded.sessions) == names
    for name in names:
        assert folded.sessions[name] == fold([e for e in events if e.session == name])


@given(interleavings(), st.data())
@settings(max_examples=60)
def test_any_prefix_of_the_disk_is_a_prefix_of_the_events(tmp_path_factory, events, data):
    """Whatever the power left, what is read is what was accepted first."""
    whole = lines_of(*events)
    cut = data.draw(st.integers(0, len(whole)))
    folder = write(tmp_path_factory.mktemp("journal"), whole[:cut])
    found = events_in(folder)
    assert found == [OPENED, *events][: len(found)]
    assert fold_journal(folder).events == len(found)
