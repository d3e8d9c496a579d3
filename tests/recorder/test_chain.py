"""The segments that one process writes, one after the other."""

from __future__ import annotations

import errno
import os

import pytest

from recorder.chain import Chain
from recorder.disk import Disk
from recorder.events import SCHEMA, SegmentOpened
from recorder.framing import unframe
from recorder.segment import segments
from recorder.settings import JournalSettings
from recorder.version import VERSION


def chain_on(disk, folder, **settings):
    """Begin a chain."""
    chain = Chain(folder / "journal", "run-1", JournalSettings(**settings), disk)
    chain.begin()
    return chain


def contents(chain):
    """Give the lines of each segment after its first, which is checked."""
    found = []
    for path in segments(chain.directory):
        heading, *rest = path.read_bytes().splitlines(keepends=True)
        opened = unframe(heading[:-1])
        assert isinstance(opened, SegmentOpened)
        found.append(b"".join(rest))
    return found


def test_a_segment_begins_by_saying_what_it_is(tmp_path):
    """Schema, run, writer, mode and version stand in the first line."""
    chain = chain_on(Disk(), tmp_path, sync="none")
    chain.close()
    (path,) = segments(chain.directory)
    opened = unframe(path.read_bytes()[:-1])
    assert isinstance(opened, SegmentOpened)
    assert (opened.schema, opened.run, opened.sync, opened.version) == (
        SCHEMA,
        "run-1",
        "none",
        VERSION,
    )
    assert path.name == f"00000-{opened.writer}.jsonl"


def test_what_is_appended_is_synced_once(tmp_path, disk):
    """All lines of a batch share one sync; the bytes written are told."""
    chain = chain_on(disk, tmp_path)
    assert chain.append(b"one\ntwo\n", ()) == 8
    chain.close()
    assert contents(chain) == [b"one\ntwo\n"]
    assert disk.calls.count("sync") == 1


def test_without_sync_nothing_is_synced(tmp_path, disk):
    """``sync="none"`` writes and leaves the rest to the operating system."""
    chain = chain_on(disk, tmp_path, sync="none")
    chain.append(b"one\n", ())
    chain.close()
    assert disk.calls.count("sync") == 0


def test_a_full_segment_is_followed_by_another_that_repeats_what_was_declared(tmp_path):
    """No segment outgrows its size, but a batch always fits into a new one."""
    chain = chain_on(Disk(), tmp_path, segment_bytes=400)
    written = chain.append(b"a" * 400 + b"\n", [b"tools\n"])
    assert written == 401
    written += chain.append(b"b\n", [b"tools\n"])
    written += chain.append(b"c\n", [b"tools\n"])
    chain.close()
    first, second = contents(chain)
    assert first == b"a" * 400 + b"\n"
    assert second == b"tools\nb\nc\n"
    heading = segments(chain.directory)[1].stat().st_size - len(b"b\nc\n")
    assert written == 401 + heading + 4


def test_a_segment_that_failed_is_never_touched_again(tmp_path, disk):
    """The next batch goes to a new one; what the old one holds stays there."""
    chain = chain_on(disk, tmp_path)
    chain.append(b"one\n", ())
    disk.fail("sync", errno.EIO, times=1)
    with pytest.raises(OSError, match="Input/output"):
        chain.append(b"two\n", ())
    assert not chain.fresh
    chain.append(b"two\n", ())
    chain.close()
    assert contents(chain) == [b"one\ntwo\n", b"two\n"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_fresh_segment_that_had_no_room_leaves_no_litter(tmp_path, disk, code):
    """However often it is tried, only what holds facts remains."""
    chain = chain_on(disk, tmp_path)
    chain.append(b"one\n", ())
    disk.fail("sync", code)
    for _ in range(3):
        with pytest.raises(OSError, match=os.strerror(code)):
            chain.append(b"two\n", ())
    assert chain.fresh
    disk.mend()
    chain.append(b"two\n", ())
    chain.close()
    assert contents(chain) == [b"one\ntwo\n", b"two\n"]


def test_a_fresh_segment_that_broke_otherwise_is_kept(tmp_path, disk):
    """After an I/O error it is left to whoever looks for what can be saved."""
    chain = chain_on(disk, tmp_path)
    disk.fail("sync", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        chain.append(b"one\n", ())
    chain.close()
    assert contents(chain) == [b"one\n"]


def test_litter_that_can_not_be_removed_is_not_the_error(tmp_path, disk):
    """What is told is why the batch could not be written."""
    chain = chain_on(disk, tmp_path)
    disk.fail("sync", errno.ENOSPC)
    disk.fail("close", errno.EIO)
    disk.fail("remove", errno.EIO)
    with pytest.raises(OSError, match="No space left"):
        chain.append(b"one\n", ())


@pytest.mark.parametrize("call", ["make_directory", "create", "sync_directory", "write"])
def test_a_chain_that_can_not_be_begun_says_so(tmp_path, disk, call):
    """Whatever the first segment fails at comes out, and no descriptor stays open."""
    disk.fail(call, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        chain_on(disk, tmp_path)
    opened = disk.calls.count("create") - (call == "create")
    assert disk.calls.count("close") == opened


def test_a_segment_that_was_removed_is_an_error(tmp_path):
    """A record that nobody can find again must not look like one."""
    chain = chain_on(Disk(), tmp_path)
    segments(chain.directory)[0].unlink()
    with pytest.raises(FileNotFoundError, match="removed"):
        chain.append(b"one\n", ())


def test_closing_twice_is_no_error(tmp_path):
    """There is nothing to close the second time."""
    chain = chain_on(Disk(), tmp_path)
    chain.close()
    chain.close()
