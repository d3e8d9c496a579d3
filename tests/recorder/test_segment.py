"""Segments: files that only the process that began them writes."""

from __future__ import annotations

import errno

import pytest

from recorder.disk import Disk
from recorder.segment import Segment, segments


def test_segments_are_found_in_the_order_they_were_begun(tmp_path):
    """By number, then by writer; other files are no segments."""
    names = ["00002-b.jsonl", "00010-a.jsonl", "100000-a.jsonl", "00002-a.jsonl"]
    for name in [*names, "00001-a.jsonl.tmp", "x-a.jsonl", "1-a.jsonl", "00003-A.jsonl"]:
        (tmp_path / name).write_text("")
    assert [path.name for path in segments(tmp_path)] == [
        "00002-a.jsonl",
        "00002-b.jsonl",
        "00010-a.jsonl",
        "100000-a.jsonl",
    ]


def test_a_segment_takes_the_number_after_the_last(tmp_path):
    """Numbers only grow."""
    disk = Disk()
    for number in (0, 1):
        segment = Segment.create(tmp_path, "me", disk)
        assert segment.path == tmp_path / f"{number:05d}-me.jsonl"
        segment.close()


class Occupied(Disk):
    """A disk on which somebody takes the first free name just before us."""

    def create(self, path):
        """Take the name first, the first time."""
        if path.name.startswith("00000"):
            path.write_bytes(b"theirs")
        return super().create(path)


def test_a_name_that_somebody_else_took_is_left_alone(tmp_path):
    """The next number is tried, and their file stays as it is."""
    segment = Segment.create(tmp_path, "me", Occupied())
    segment.close()
    assert segment.path.name == "00001-me.jsonl"
    assert (tmp_path / "00000-me.jsonl").read_bytes() == b"theirs"


def test_a_segment_is_appended_to(tmp_path):
    """Bytes are counted as they are written."""
    segment = Segment.create(tmp_path, "me", Disk())
    segment.append(b"one\n")
    segment.append(b"two\n")
    segment.sync()
    segment.check_place()
    segment.close()
    assert segment.size == 8
    assert segment.path.read_bytes() == b"one\ntwo\n"


def test_a_segment_that_was_removed_is_missed(tmp_path):
    """A file without a name takes every byte, and loses them all."""
    segment = Segment.create(tmp_path, "me", Disk())
    segment.path.unlink()
    segment.append(b"one\n")
    with pytest.raises(FileNotFoundError, match="removed"):
        segment.check_place()
    segment.close()


class Uncounted(Disk):
    """A file system that does not count the names of files."""

    def links(self, descriptor):
        """Give what a FUSE file system gives that fills nothing in."""
        return 0 * descriptor


def test_a_file_system_that_counts_no_names_is_trusted(tmp_path):
    """Where a new file has no names already, having none means nothing."""
    segment = Segment.create(tmp_path, "me", Uncounted())
    segment.check_place()
    segment.close()


def test_what_the_disk_refuses_comes_out(tmp_path, disk):
    """Each call says what the disk said."""
    segment = Segment.create(tmp_path, "me", disk)
    for call, act in (
        ("write", lambda: segment.append(b"x")),
        ("sync", segment.sync),
        ("close", segment.close),
    ):
        disk.fail(call, errno.EIO)
        with pytest.raises(OSError, match="Input/output"):
            act()


@pytest.mark.parametrize("also", ["links", "close"])
def test_a_file_that_can_not_be_looked_at_is_given_back(tmp_path, disk, also):
    """Nobody else has its descriptor; the first error is the one that comes out."""
    disk.fail(also, errno.EBADF)
    disk.fail("links", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        Segment.create(tmp_path, "me", disk)
    assert disk.calls == ["create", "links", "close"]
