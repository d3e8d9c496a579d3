"""One run, one owner."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from recorder import lock
from recorder.errors import RunDirectoryError, RunLockedError
from recorder.lock import LOCK, descriptor_of, holder, own


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


def test_a_number_of_an_earlier_owner_leaves_nothing_behind(tmp_path):
    """One that died left its own; a short number after a long one is the short one."""
    (tmp_path / LOCK).write_text("99999999999999999999\n")
    assert holder(tmp_path) is None
    with own(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def test_somebody_who_asks_at_that_very_moment_does_not_stop_an_owner(tmp_path, monkeypatch):
    """Asking takes the lock for an instant; whoever wants to own tries again."""
    monkeypatch.setattr(lock, "_TRIES", 10**6)
    (tmp_path / LOCK).touch()
    with (tmp_path / LOCK).open("rb") as asker, ThreadPoolExecutor(1) as threads:
        fcntl.flock(asker, fcntl.LOCK_SH)
        owned = threads.submit(own_for_an_instant, tmp_path)
        fcntl.flock(asker, fcntl.LOCK_UN)
        assert owned.result() == os.getpid()


def own_for_an_instant(directory):
    """Own *directory*, and say who owns it then."""
    with own(directory):
        return holder(directory)


def test_a_program_that_the_owner_starts_does_not_inherit_the_lock(tmp_path):
    """A tool that outlives its run must not keep the run from going on."""
    pipe = subprocess.PIPE
    with own(tmp_path):
        child = subprocess.Popen(["/bin/cat"], stdin=pipe, stdout=pipe, close_fds=False, bufsize=0)
    with child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"running\n")  # a program that answers has begun, and closed what it must
        assert child.stdout.readline() == b"running\n"
        assert holder(tmp_path) is None


def test_a_lock_is_private(tmp_path):
    """Only the user may read who owns a run."""
    with own(tmp_path):
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_the_descriptor_of_a_lock_is_known_while_the_directory_is_owned(tmp_path):
    """By whichever path the directory is named; of others nothing is known."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LOCK).touch()
    (tmp_path / "link").symlink_to("mine")
    with own(tmp_path / "mine"):
        descriptor = descriptor_of(tmp_path / "link")
        assert descriptor is not None
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / "mine" / LOCK).stat())
        assert not os.get_inheritable(descriptor)
        assert descriptor_of(tmp_path / "other") is None
    assert descriptor_of(tmp_path / "mine") is None
    with pytest.raises(FileNotFoundError):
        descriptor_of(tmp_path / "nowhere")


def test_who_was_given_the_lock_holds_it_when_its_owner_is_gone(tmp_path):
    """Nobody else owns the directory before both have ended."""
    with own(tmp_path):
        descriptor = descriptor_of(tmp_path)
        assert descriptor is not None
        heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    with heir:
        with pytest.raises(RunLockedError), own(tmp_path):
            pytest.fail("somebody has it still")
        assert holder(tmp_path) == os.getpid()
    with own(tmp_path):
        assert holder(tmp_path) == os.getpid()
