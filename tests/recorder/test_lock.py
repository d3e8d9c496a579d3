"""One run, one owner."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from recorder import lock
from recorder.errors import RunDirectoryError, RunLockedError
from recorder.lock import LOCK, holder, own

OWNER = """
import sys
from pathlib import Path
from recorder.lock import own
with own(Path(sys.argv[1])):
    print("owned", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(directory):
    """Let a process of its own hold *directory*, until it is told to let go."""
    command = [sys.executable, "-c", OWNER, directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"owned\n"
        yield process


def is_refused(directory):
    """Say whether *directory* can't be owned now."""
    try:
        with own(directory):
            return False
    except RunLockedError:
        return True


def test_a_directory_is_owned_until_the_block_ends(tmp_path):
    """Whoever asks is told by whom; afterwards it can be owned again."""
    for _ in range(2):
        with own(tmp_path):
            assert holder(tmp_path) == os.getpid()
        assert holder(tmp_path) is None


def test_a_block_that_fails_gives_the_directory_up(tmp_path):
    """What it raises comes out."""
    with pytest.raises(ValueError, match="mine"), own(tmp_path):
        raise ValueError("mine")
    assert holder(tmp_path) is None


def test_a_second_owner_is_told_who_the_first_is(tmp_path):
    """The error names the directory and the process, and the first owner keeps it."""
    with another_owner(tmp_path) as process:
        with pytest.raises(RunLockedError) as caught, own(tmp_path):
            pytest.fail("it has two owners")
        assert f"{tmp_path} is in use by process {process.pid}:" in str(caught.value)
        assert holder(tmp_path) == process.pid
        assert is_refused(tmp_path)
    assert not is_refused(tmp_path)


def test_an_owner_that_died_owns_nothing(tmp_path):
    """However it ended: the kernel gives the lock up, and its number counts for nothing."""
    with another_owner(tmp_path) as process:
        process.kill()
        process.wait()
        assert (tmp_path / LOCK).read_text() == f"{process.pid}\n"
        assert holder(tmp_path) is None
    assert not is_refused(tmp_path)


def test_asking_who_owns_a_directory_leaves_it_owned(tmp_path):
    """Neither the lock nor what stands in it changes."""
    with own(tmp_path):
        before = (tmp_path / LOCK).read_bytes()
        for _ in range(3):
            assert holder(tmp_path) == os.getpid()
        assert is_refused(tmp_path)
        assert (tmp_path / LOCK).read_bytes() == before


def test_a_directory_that_was_never_owned_has_no_owner(tmp_path):
    """Asking makes no lock, nor does it mind that there is no directory."""
    assert holder(tmp_path) is None
    assert holder(tmp_path / "nowhere") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n", b"me\n", b"-1", "٣".encode(), b"\xff"])
def test_an_owner_whose_number_can_not_be_read_is_somebody(tmp_path, content):
    """It is owned all the same."""
    with own(tmp_path):
        (tmp_path / LOCK).write_bytes(content)
        assert holder(tmp_path) == 0
        with pytest.raises(RunLockedError, match="in use by process unknown"), own(tmp_path):
            pytest.fail("it has two owners")


def test_the_number_of_an_earlier_owner_leaves_nothing_behind(tmp_path):
    """A short number after a long one is the short one."""
    (tmp_path / LOCK).write_text("99999999999999999999\n")
    with own(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def test_a_lock_is_private(tmp_path):
    """Only the user may read who owns a run."""
    with own(tmp_path):
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_a_program_that_the_owner_starts_does_not_inherit_the_lock(tmp_path):
    """A tool that outlives its run must not keep the run from going on."""
    pipe = subprocess.PIPE
    with own(tmp_path):
        child = subprocess.Popen(["/bin/cat"], stdin=pipe, stdout=pipe, close_fds=False, bufsize=0)
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"running\n")
        assert child.stdout.read(8) == b"running\n"
        assert holder(tmp_path) is None


def test_somebody_who_asks_at_that_very_moment_does_not_stop_an_owner(tmp_path, monkeypatch):
    """Asking takes the lock for an instant; whoever wants to own tries again."""
    monkeypatch.setattr(lock, "_TRIES", 10**6)
    (tmp_path / LOCK).touch()
    with (tmp_path / LOCK).open("rb") as asker, ThreadPoolExecutor(1) as threads:
        fcntl.flock(asker, fcntl.LOCK_SH)
        refused = threads.submit(is_refused, tmp_path)
        assert not refused.done()
        fcntl.flock(asker, fcntl.LOCK_UN)
        assert refused.result() is False


def make_folder(path):
    """Put a folder where the lock would be."""
    path.mkdir()


def make_device(path):
    """Put something there that opens, and can't be written as a file is."""
    path.symlink_to("/dev/null")


@pytest.mark.parametrize("make", [make_folder, make_device])
def test_a_directory_that_can_not_be_locked_is_said_to_be_so(tmp_path, make):
    """The error is the directory's."""
    make(tmp_path / LOCK)
    with pytest.raises(RunDirectoryError, match="can't be locked") as caught, own(tmp_path):
        pytest.fail("there is no lock")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_directory_that_is_missing_can_not_be_locked(tmp_path):
    """Nothing is made."""
    with pytest.raises(RunDirectoryError, match="No such file"), own(tmp_path / "nowhere"):
        pytest.fail("there is no lock")
    assert list(tmp_path.iterdir()) == []
