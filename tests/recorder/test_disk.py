"""The seam to the file system, and the disk that fails when it is told to."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from recorder.disk import Disk, write_all


def mode(path: Path) -> int:
    """Give who may do what with *path*."""
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_directories_are_for_their_owner_only(tmp_path):
    """Files are 0600, directories 0700, those on the way included."""
    disk = Disk()
    disk.make_directory(tmp_path / "a" / "b")
    disk.close(disk.create(tmp_path / "a" / "b" / "file"))
    disk.close(disk.extend(tmp_path / "a" / "b" / "other"))
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/file", "a/b/other")] == [
        0o700,
        0o700,
        0o600,
        0o600,
    ]


def test_the_way_to_a_new_directory_is_durable(tmp_path, disk):
    """Every directory that got a new name is synced, and one that was there is left alone."""
    disk.make_directory(tmp_path / "a" / "b")
    assert disk.calls == ["make_directory", "sync_directory", "sync_directory"]
    disk.make_directory(tmp_path / "a")
    assert disk.calls[3:] == ["make_directory"]


def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path):
    """What stands there already must be a directory."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(NotADirectoryError, match="taken"):
        Disk().make_directory(tmp_path / "taken")


def test_a_new_file_must_not_exist_and_is_appended_to(tmp_path):
    """Two processes can never begin the same file."""
    disk = Disk()
    descriptor = disk.create(tmp_path / "file")
    with pytest.raises(FileExistsError):
        disk.create(tmp_path / "file")
    write_all(disk, descriptor, b"one")
    again = disk.extend(tmp_path / "file")
    write_all(disk, again, b"two")
    disk.truncate(again, 5)
    disk.sync(again)
    disk.close(descriptor)
    disk.close(again)
    assert (tmp_path / "file").read_bytes() == b"onetw"


def test_a_file_that_was_removed_has_no_names(tmp_path):
    """An open file shows that its last name is gone; to remove it twice is no error."""
    disk = Disk()
    descriptor = disk.create(tmp_path / "file")
    assert disk.links(descriptor) == 1
    disk.remove(tmp_path / "file")
    disk.remove(tmp_path / "file")
    assert disk.links(descriptor) == 0
    disk.close(descriptor)


def test_a_file_system_that_syncs_no_directories_is_taken_as_it_is():
    """/proc says EINVAL: there is nothing to be done."""
    Disk().sync_directory(Path("/proc"))


def test_a_directory_that_is_gone_can_not_be_synced(tmp_path):
    """Only what a file system can't do is forgiven."""
    with pytest.raises(FileNotFoundError):
        Disk().sync_directory(tmp_path / "gone")


class Broken(Disk):
    """A disk that can't sync names."""

    def _sync_names(self, descriptor):
        raise OSError(errno.EIO, f"{descriptor} is broken")


def test_a_directory_whose_sync_fails_says_so(tmp_path):
    """Any other error of the sync comes out."""
    with pytest.raises(OSError, match="broken"):
        Broken().sync_directory(tmp_path)


def test_a_disk_that_takes_little_at_a_time_gets_everything(tmp_path, disk):
    """Short writes are continued."""
    disk.mouthful = 3
    descriptor = disk.create(tmp_path / "file")
    write_all(disk, descriptor, b"0123456789")
    disk.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    assert disk.calls.count("write") == 4


def test_a_disk_that_takes_nothing_is_broken(tmp_path, disk):
    """A write that takes nothing and raises nothing does not hang."""
    disk.mouthful = 0
    descriptor = disk.create(tmp_path / "file")
    with pytest.raises(OSError, match="takes nothing"):
        write_all(disk, descriptor, b"0123456789")
    disk.close(descriptor)


@pytest.mark.parametrize(("limit", "code"), [("room", errno.ENOSPC), ("largest", errno.EFBIG)])
def test_a_faulty_disk_takes_what_fits_and_then_says_why_not(tmp_path, disk, limit, code):
    """As real disks do, it writes up to the limit first."""
    setattr(disk, limit, 4)
    descriptor = disk.create(tmp_path / "file")
    with pytest.raises(OSError, match=os.strerror(code)):
        write_all(disk, descriptor, b"0123456789")
    disk.mend()
    write_all(disk, descriptor, b"4")
    disk.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"01234"


def test_a_faulty_disk_fails_when_and_as_often_as_it_is_told(tmp_path, disk):
    """Calls before and after go well."""
    disk.fail("rename", errno.EIO, after=1, times=2)
    (tmp_path / "a").write_text("")
    disk.rename(tmp_path / "a", tmp_path / "b")
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            disk.rename(tmp_path / "b", tmp_path / "a")
    disk.rename(tmp_path / "b", tmp_path / "a")
    assert (tmp_path / "a").exists()


def test_a_faulty_disk_holds_a_call_until_it_is_told_to_go_on(tmp_path, disk):
    """A call that is held arrives, and returns after the block."""
    caller = threading.Thread(target=disk.remove, args=(tmp_path / "file",))
    (tmp_path / "file").write_text("")
    with disk.hold("remove") as arrived:
        caller.start()
        assert arrived.wait(20)
        assert (tmp_path / "file").exists()
    caller.join(20)
    assert not (tmp_path / "file").exists()
