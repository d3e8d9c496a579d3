"""The reader gives back what was written, skips a torn tail, and takes nothing else for granted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    SCHEMA,
    Event,
    ModelReplied,
    SegmentOpened,
    SessionStarted,
    ToolsDeclared,
    Unknown,
)
from recorder.framing import frame
from recorder.reader import Entry, Torn, fold_journal, read, read_segment
from recorder.session import fold

TS = "2026-11-22T17:00:00.000Z"
Said = Callable[..., Event]
OPENED = SegmentOpened(
    session="", seq=0, ts=TS, schema=SCHEMA, run="r", writer="w", sync="group", version="0"
)
TOOLS = ({"type": "function", "function": {"name": "ls"}},)


@pytest.fixture
def journal(tmp_path: Path) -> Callable[..., Path]:
    """Write segments, each a list of events or of raw lines, and give their folder."""

    def write(*parts: list[Event | bytes]) -> Path:
        for number, part in enumerate(parts):
            lines = [line if isinstance(line, bytes) else frame(line) for line in (OPENED, *part)]
            (tmp_path / f"{number:05d}-a{number}.jsonl").write_bytes(b"".join(lines))
        return tmp_path

    return write


def events_of(directory: Path) -> list[Event]:
    """The events of sessions that a journal gives."""
    entries = [entry for entry in read(directory) if isinstance(entry, Entry)]
    return [entry.event for entry in entries if entry.event.session]


def events_or_fault(directory: Path) -> list[Event] | str:
    """The events of sessions that a journal gives, or what is wrong with it."""
    try:
        return events_of(directory)
    except CorruptJournalError as error:
        return str(error)


def test_what_was_written_is_given_back_in_order(journal: Callable[..., Path], said: Said):
    """Also what holds U+2028, lone surrogates and NUL, across segments."""
    written = [said(0, "a\u2028b\x00"), said(1, "c\ud800"), said(2, "\u0085\x1c")]
    assert events_of(journal(written[:2], written[2:])) == written


def test_a_torn_tail_is_skipped_and_located(journal: Callable[..., Path], said: Said):
    """What was being written when the process died was never promised."""
    directory = journal([said(0), frame(said(1))[:-9]])
    folded = fold_journal(directory)
    assert folded.sessions["s"] == fold([said(0)])
    assert folded.torn == (Torn("00000-a0.jsonl", 3, len(frame(said(1))) - 9),)


def test_a_whole_fact_that_only_lacks_its_newline_is_kept(journal: Callable[..., Path], said: Said):
    """It checks, so it was paid for and it is true."""
    assert events_of(journal([said(0), frame(said(1))[:-1]])) == [said(0), said(1)]


def test_a_journal_cut_anywhere_gives_a_prefix(journal: Callable[..., Path], said: Said):
    """Every byte is a place where a process can die."""
    written = [said(0, "hé"), said(1, "l\u2028lo"), said(2)]
    path = journal(written) / "00000-a0.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        given_back = events_of(path.parent)
        assert given_back == written[: len(given_back)]


def test_a_flipped_bit_is_reported_or_is_a_torn_tail(journal: Callable[..., Path], said: Said):
    """No other event is ever taken for the one that was written."""
    written = [said(0, "hello"), said(1, "world")]
    path = journal(written) / "00000-a0.jsonl"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        given_back = events_or_fault(path.parent)
        if isinstance(given_back, str):
            assert "00000-a0.jsonl, line" in given_back
        else:
            assert given_back == written[: len(given_back)]


@pytest.mark.parametrize("tail", [b"\0" * 512, b"garbage", b"\xff\xfe{"])
def test_a_tail_of_anything_without_a_newline_is_torn(
    journal: Callable[..., Path], said: Said, tail: bytes
):
    """A power cut leaves zeros, a bad disk leaves anything."""
    folded = fold_journal(journal([said(0), tail]))
    assert [torn.size for torn in folded.torn] == [len(tail)]


@pytest.mark.parametrize("block", [b"\0" * 512 + b"\n", b"{}\n", b"\n"])
def test_damage_in_the_middle_is_corruption(journal: Callable[..., Path], said: Said, block: bytes):
    """It is reported with its segment and line, never skipped."""
    with pytest.raises(CorruptJournalError, match=r"00000-a0\.jsonl, line 3"):
        fold_journal(journal([said(0), block, said(1)]))


def test_a_line_that_checks_but_is_no_event_is_corruption(journal: Callable[..., Path]):
    """A checksum says that it was written so, not that it is a fact."""
    body = b'{"event":"session_started","session":3'
    line = frame(Unknown(event="x", session="s", seq=0, ts=TS, raw=body))
    with pytest.raises(CorruptJournalError, match="line 2"):
        fold_journal(journal([line]))
    with pytest.raises(CorruptJournalError, match="line 2"):
        fold_journal(journal([line[:-1]]))


def test_a_segment_begins_by_saying_what_it_is(tmp_path: Path, said: Said):
    """A file whose first line is gone is not read as if it were whole."""
    path = tmp_path / "00000-a.jsonl"
    path.write_bytes(frame(said(0)))
    with pytest.raises(CorruptJournalError, match="does not begin like this"):
        list(read_segment(path))


def test_an_empty_segment_is_one_that_was_just_begun(journal: Callable[..., Path], said: Said):
    """A process can die between making a file and writing to it."""
    directory = journal([said(0)])
    (directory / "00001-b.jsonl").touch()
    assert events_of(directory) == [said(0)]


def test_of_two_equal_events_one_is_taken(journal: Callable[..., Path], said: Said):
    """When a disk fills up some are written again into the next segment."""
    folded = fold_journal(journal([said(0), said(1)], [said(1), said(2)]))
    assert folded.sessions["s"] == fold([said(0), said(1), said(2)])


def test_two_different_events_with_one_number_are_corruption(
    journal: Callable[..., Path], said: Said
):
    """The record contradicts itself; the text says where."""
    directory = journal([said(0), said(1)], [said(1, "another")])
    with pytest.raises(CorruptJournalError, match=r"00001-a1\.jsonl, line 2: .*two different"):
        fold_journal(directory)


def test_a_gap_in_the_numbers_is_corruption(journal: Callable[..., Path], said: Said):
    """A fact that was acknowledged is missing."""
    with pytest.raises(CorruptJournalError, match="seq 2 where 1 is due"):
        fold_journal(journal([said(0), said(2)]))


def test_an_impossible_order_is_corruption(journal: Callable[..., Path]):
    """A session that never started can't have a reply."""
    with pytest.raises(CorruptJournalError, match="line 2"):
        fold_journal(journal([ModelReplied(session="s", seq=0, ts=TS, text="x")]))


def test_tools_are_found_where_they_were_declared(journal: Callable[..., Path]):
    """A session refers to them by name, also from a later segment."""
    declared = ToolsDeclared(session="", seq=1, ts=TS, tools_hash="h", tools=TOOLS)
    started = SessionStarted(session="s", seq=0, ts=TS, tools_hash="h")
    assert fold_journal(journal([declared], [started])).sessions["s"].tools == TOOLS
    with pytest.raises(CorruptJournalError, match="never declared"):
        fold_journal(journal([started]))


def test_facts_of_a_later_version_are_passed_over(journal: Callable[..., Path], said: Said):
    """About a segment or in a session: what is known stays readable."""
    raw = b'{"event":"later","session":"%b","seq":%d,"ts":"' + TS.encode() + b'","new":1'
    segment = Unknown(event="later", session="", seq=1, ts=TS, raw=raw % (b"", 1))
    inside = Unknown(event="later", session="s", seq=1, ts=TS, raw=raw % (b"s", 1))
    folded = fold_journal(journal([segment, said(0), inside, said(2)]))
    assert folded.sessions["s"].seq == 3
    assert folded.run == "r"
    assert folded.events == 5


def test_a_folder_that_is_not_there_is_no_journal(tmp_path: Path):
    """The text says what could not be read."""
    with pytest.raises(RunDirectoryError, match="can't be read"):
        fold_journal(tmp_path / "none")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_sessions_fold_the_same_however_they_interleave(
    tmp_path_factory: pytest.TempPathFactory, said: Said, order: list[str]
):
    """Each session sees its own events only."""
    numbers = dict.fromkeys(order, 0)
    written: list[Event] = []
    for name in order:
        written.append(said(numbers[name], session=name))
        numbers[name] += 1
    directory = tmp_path_factory.mktemp("journal")
    lines = b"".join(map(frame, [OPENED, *written]))
    (directory / "00000-a.jsonl").write_bytes(lines)
    alone = {name: fold(e for e in written if e.session == name) for name in numbers}
    assert fold_journal(directory).sessions == alone
