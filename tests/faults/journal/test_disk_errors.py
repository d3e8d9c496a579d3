"""A disk that fails once, at any of its calls: what was promised is there, and nothing after it."""

from __future__ import annotations

import errno
from typing import get_args

import psutil
import pytest

from recorder.errors import JournalError, RunDirectoryError
from recorder.faulty import Call
from recorder.framing import check

MOUTHFUL = 100
FAULTS = [(call, code) for call in get_args(Call) for code in (errno.EIO, errno.EMFILE)]
NAMES = [f"{call}-{errno.errorcode[code]}" for call, code in FAULTS]


def left_open(directory) -> list[str]:
    """Name the files under *directory* that this process has open."""
    paths = (file.path for file in psutil.Process().open_files())
    return [path for path in paths if path.startswith(f"{directory}/")]


async def broken_off(written, directory, disk) -> bool:
    """Record until the disk fails, which everybody is told; gives whether it did."""
    try:
        await written.record(directory, disk)
    except JournalError:
        return True
    except RunDirectoryError:
        assert not written.acknowledged
        return True
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_one_failure_anywhere_stops_the_record_and_loses_nothing(
    tmp_path, disk, written, judge, resume, fault
):
    """Whichever call it was of how many: JournalError, all that was acknowledged, sound lines.

    The segment is never written or synced again though the disk is well again, no file is left
    open, and going on makes the rows that are missing.
    """
    for after in range(1000):
        directory, told = tmp_path / str(after), written()
        disk.fail(*fault, after=after, times=1)
        failed = await broken_off(told, directory, disk)
        assert told.is_kept(directory)
        assert disk.touched == []
        assert left_open(directory) == []
        if (directory / "journal").exists() and any((directory / "journal").iterdir()):
            assert judge(directory).fault_counts.keys() <= {"rows"}
            await resume(directory)
            assert judge(directory).sound
        if not failed:
            assert told.rows == ["a", "b"]
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("after", range(0, 160, 7))
async def test_a_failure_amid_short_writes_leaves_a_torn_tail_and_no_more(
    tmp_path, disk, written, judge, resume, after
):
    """Of a disk that takes little at a time a part of a line may be left, or several lines."""
    disk.mouthful, told, directory = MOUTHFUL, written(), tmp_path / "run"
    disk.fail("write", errno.EIO, after=after, times=1)
    failed = await broken_off(told, directory, disk)
    assert failed == (disk.calls.count("write") > after)
    assert told.is_kept(directory)
    assert disk.touched == []
    verdict = judge(directory)
    assert verdict.fault_counts.keys() <= {"rows"}
    *_, last = sorted((directory / "journal").iterdir())
    *whole, tail = last.read_bytes().split(b"\n")
    assert all(check(line) for line in whole)
    assert [torn.size for torn in verdict.torn] == ([len(tail)] if tail else [])
    await resume(directory)
    assert judge(directory).sound


async def test_short_writes_alone_cost_nothing(tmp_path, disk, written, judge):
    """One byte at a time, and everything is there."""
    disk.mouthful, told = 1, written()
    await told.record(tmp_path / "run", disk)
    assert told.rows == ["a", "b"]
    assert judge(tmp_path / "run").sound
