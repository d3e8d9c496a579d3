"""What a session keeps beside its workspace comes back with it, where it could be copied."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from hermes_run.sandboxes.mirror import BESIDE, Mirror, restore_mirror, update_mirror


@pytest.fixture
def twofold(tmp_path: Path, mirror: Mirror) -> Mirror:
    """Give a mirror of a workspace with a temporary folder beside it."""
    beside = tmp_path / "scratch" / "tmp"
    beside.mkdir(parents=True)
    (beside / "log").write_text("one\n")
    return msgspec.structs.replace(mirror, beside=beside)


async def test_temporary_files_come_back_with_the_workspace(twofold):
    """What a call that was cut had added to them is gone; what is no file is not in the way."""
    os.mkfifo(twofold.beside / "fifo")
    assert await update_mirror(twofold, 3)
    (twofold.beside / "log").write_text("one\ntwo\n")
    (twofold.beside / "more").write_text("x")
    assert await restore_mirror(twofold, 3)
    assert {path.name: path.read_text() for path in twofold.beside.iterdir()} == {"log": "one\n"}


async def test_a_temporary_folder_that_cannot_be_copied_is_left_as_it_is(twofold):
    """The workspace has its mirror all the same."""
    small = msgspec.structs.replace(twofold.bounds, files=60)
    twofold = msgspec.structs.replace(twofold, bounds=small)
    for number in range(61):
        (twofold.beside / str(number)).touch()
    assert await update_mirror(twofold, 3)
    assert not (twofold.folder / BESIDE).exists()
    (twofold.beside / "log").write_text("later")
    assert await restore_mirror(twofold, 3)
    assert (twofold.beside / "log").read_text() == "later"


async def test_an_older_copy_of_temporary_files_is_not_put_back(twofold):
    """Where the process died between both copies, nothing had been done to them yet."""
    assert await update_mirror(twofold, 3)
    (twofold.beside / "log").write_text("later")
    assert await update_mirror(msgspec.structs.replace(twofold, beside=None), 5)
    assert await restore_mirror(twofold, 5)
    assert (twofold.beside / "log").read_text() == "later"


async def test_nothing_is_left_of_either_copy(twofold):
    """Both are in one folder."""
    assert await update_mirror(twofold, 3)
    twofold.remove()
    assert not twofold.folder.exists()
