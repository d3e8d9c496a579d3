"""Files beside the record."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hermes_run.beside import put_in_place
from recorder.errors import JournalError
from recorder.faulty import FaultyDisk


async def test_a_draft_is_put_in_place_for_good(tmp_path: Path):
    """The name, too, is on disk when it is said to be there."""
    draft, path, disk = tmp_path / "draft", tmp_path / "rows", FaultyDisk()
    path.write_text("old")
    draft.write_text("new")
    await put_in_place(draft, path, disk)
    assert (path.read_text(), draft.exists()) == ("new", False)
    assert disk.calls == ["rename", "sync_directory"]


@pytest.mark.parametrize("call", ["rename", "sync_directory"])
async def test_a_draft_that_can_not_be_put_in_place_is_a_failure_of_the_record(
    tmp_path: Path, call
):
    """Nobody goes on as if it stood there."""
    draft, disk = tmp_path / "draft", FaultyDisk()
    draft.write_text("new")
    disk.fail(call, errno.EIO)
    with pytest.raises(JournalError, match="rows can't be written"):
        await put_in_place(draft, tmp_path / "rows", disk)
