"""Following a journal that is being written."""

from __future__ import annotations

import errno

import anyio.lowlevel
import pytest

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import SegmentOpened
from recorder.following import Follower
from recorder.framing import frame
from recorder.journal import open_journal
from recorder.reader import Order, Torn, read
from recorder.segment import segments
from recorder.settings import JournalSettings

SOON = JournalSettings(window_s=0, hurry_s=0, retry_s=0)
TS = "2026-11-22T17:00:00.000Z"
OPENED = SegmentOpened(
    session="", seq=0, ts=TS, schema=1, run="run-1", writer="me", sync="group", version="1"
)


def told(follower):
    """Give the news about sessions."""
    return [entry.event for entry in follower.news() if entry.event.session]


async def test_what_was_written_is_told_once(tmp_path, said):
    """Piece by piece, across segments, while the journal is open."""
    settings = JournalSettings(window_s=0, hurry_s=0, segment_bytes=1)
    follower = Follower(tmp_path / "j")
    async with open_journal(tmp_path / "j", "run-1", settings) as journal:
        assert told(follower) == []
        for seq in range(4):
            await journal(said(seq))
            await journal.durable()
            assert told(follower) == [said(seq)]
        assert told(follower) == []
        await journal(said(4))
    assert told(follower) == [said(4)]
    assert len(segments(tmp_path / "j")) > 2
    assert follower.torn == []


def test_a_line_that_is_being_written_is_waited_for(tmp_path, said):
    """It is told when it is whole, wherever it was cut; lines keep their numbers."""
    path = tmp_path / "00000-me.jsonl"
    whole = frame(OPENED) + frame(said(0)) + frame(said(1))
    follower = Follower(tmp_path)
    found = []
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        found += list(follower.news())
    assert [entry.event for entry in found] == [OPENED, said(0), said(1)]
    assert [entry.line for entry in found] == [1, 2, 3]


def test_a_line_of_an_earlier_segment_is_waited_for_while_it_grows(tmp_path, said):
    """Several processes of a run write their segments at once."""
    path = tmp_path / "00000-a.jsonl"
    whole = frame(OPENED) + frame(said(0)) + frame(said(1))
    (tmp_path / "00001-b.jsonl").write_bytes(frame(OPENED))
    follower = Follower(tmp_path)
    found = []
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        found += told(follower)
    assert found == [said(0), said(1)]
    assert follower.torn == []


def test_an_unfinished_line_is_not_taken_for_one_because_of_the_one_before_it(tmp_path, said):
    """As long as that was, but new: it may still grow."""
    path = tmp_path / "00000-a.jsonl"
    (tmp_path / "00001-b.jsonl").write_bytes(frame(OPENED))
    whole = frame(OPENED) + frame(said(0)) + frame(said(1)) + frame(said(2))
    assert len(frame(said(1))) == len(frame(said(2)))
    path.write_bytes(whole[:-1])
    follower = Follower(tmp_path)
    assert told(follower) == [said(0), said(1)]
    path.write_bytes(whole)
    assert told(follower) == [said(2)]
    assert follower.torn == []


def test_a_line_that_is_finished_while_it_is_read_is_no_two_lines(tmp_path, said):
    """Who reads once sees the beginning, as a tail; the rest is no line of its own."""
    path = tmp_path / "00000-me.jsonl"
    whole = frame(OPENED) + frame(said(0))
    path.write_bytes(whole[:-9])
    reading = read(tmp_path)
    found = [next(reading), next(reading)]
    path.write_bytes(whole + frame(said(1)))
    assert list(reading) == []
    assert found[1] == Torn(path.name, 2, len(frame(said(0))) - 9)


def test_what_a_process_left_half_written_is_not_waited_for(tmp_path, said):
    """Once another has begun a segment: it is torn, or only lacks its newline."""
    torn, whole = frame(said(1))[:-9], frame(said(1))[:-1]
    (tmp_path / "00000-a.jsonl").write_bytes(frame(OPENED) + frame(said(0)) + torn)
    follower = Follower(tmp_path)
    assert told(follower) == [said(0)]
    (tmp_path / "00001-b.jsonl").write_bytes(frame(OPENED) + whole)
    assert told(follower) == []
    assert follower.torn == [Torn("00000-a.jsonl", 3, len(torn))]
    (tmp_path / "00002-c.jsonl").write_bytes(frame(OPENED))
    assert told(follower) == [said(1)]
    assert told(follower) == []
    assert len(follower.torn) == 1


async def test_segments_that_come_and_go_on_a_full_disk_confuse_nobody(tmp_path, disk, said):
    """No name is used twice; what is told a second time is equal."""
    follower, order, found = Follower(tmp_path / "j"), Order(), []

    def follow():
        news = [entry for entry in follower.news() if entry.event.session]
        found.extend(entry.event for entry in news if order.admit(entry))

    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        await journal(said(0))
        await journal.durable()
        disk.fail("sync", errno.ENOSPC, times=3)
        await journal(said(1))
        while journal.statistics().durable < 2:
            follow()
            await anyio.lowlevel.checkpoint()
        await journal(said(2))
    follow()
    assert found == [said(0), said(1), said(2)]
    assert [path.name.split("-")[0] for path in segments(tmp_path / "j")] == ["00000", "00003"]


def test_a_line_that_does_not_check_is_corruption(tmp_path, said):
    """As for any other reader."""
    (tmp_path / "00000-me.jsonl").write_bytes(frame(OPENED) + b"garbage\n" + frame(said(0)))
    with pytest.raises(CorruptJournalError, match="line 2"):
        told(Follower(tmp_path))


def test_a_journal_that_is_not_there_is_the_directorys_fault(tmp_path):
    """It may be asked again later."""
    follower = Follower(tmp_path / "j")
    with pytest.raises(RunDirectoryError, match="can't be read"):
        told(follower)
    (tmp_path / "j").mkdir()
    assert told(follower) == []
