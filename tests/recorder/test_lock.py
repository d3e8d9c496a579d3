"""One run, one owner."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from recorder.errors import RunDirectoryError, RunLockedError
from recorder.lock import LOCK, holder, own


def test_a_directory_is_owned_until_the_block_ends(tmp_path):
    """Whoever asks is told by whom."""
    with own(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None


def test_a_directory_that_nobody_ever_owned_has_no_holder(tmp_path):
    """To ask makes no file."""
    assert holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


OWN = """
import sys
from pathlib import Path
from recorder.lock import own

with own(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_owns_the_directory(tmp_path):
    """Until that process is gone, however it went."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout
        assert owner.stdout.readline() == "mine\n"
        assert holder(tmp_path) == owner.pid
        with pytest.raises(RunLockedError, match=f"in use by process {owner.pid}: "), own(tmp_path):
            pytest.fail("two processes own one directory")
        owner.kill()
    assert holder(tmp_path) is None
    with own(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_the_same_process_can_not_own_a_directory_twice(tmp_path):
    """Two runs in one process would write over each other as two processes would."""
    with own(tmp_path):
        with pytest.raises(RunLockedError, match=str(os.getpid())), own(tmp_path):
            pytest.fail("owned twice")
        assert holder(tmp_path) == os.getpid()


def test_an_owner_that_can_not_be_named_is_unknown(tmp_path):
    """The file may hold anything; the lock is what counts."""
    with own(tmp_path):
        (tmp_path / LOCK).write_bytes(b"nobody\n")
        assert holder(tmp_path) == 0
        with pytest.raises(RunLockedError, match="in use by process unknown"), own(tmp_path):
            pytest.fail("owned twice")


def test_a_directory_that_can_not_be_locked_is_the_directorys_fault(tmp_path):
    """As when it is not there."""
    with pytest.raises(RunDirectoryError, match="can't be locked"), own(tmp_path / "gone"):
        pytest.fail("owned what is not there")


def test_a_lock_that_can_not_be_written_is_the_directorys_fault(tmp_path):
    """Nobody could be told who the owner is."""
    (tmp_path / LOCK).symlink_to("/dev/full")
    with pytest.raises(RunDirectoryError, match="can't be locked"), own(tmp_path):
        pytest.fail("owned without a name")


def test_what_the_block_raises_gives_the_directory_back(tmp_path):
    """It comes out as it is."""
    with pytest.raises(ValueError, match="mine"), own(tmp_path):
        raise ValueError("mine")
    assert holder(tmp_path) is None
