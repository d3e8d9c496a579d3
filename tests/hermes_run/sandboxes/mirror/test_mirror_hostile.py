"""Whatever a session leaves in its workspace, its mirror is right or there is none."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
from pathlib import Path

import pytest

from hermes_run.sandboxes import mirror as module
from hermes_run.sandboxes.mirror import PACK
from hermes_run.sandboxes.pack import add, copy_content
from hermes_run.sandboxes.tree import Bounds, Folder, survey
from hermes_run.sandboxes.workspaces import remove_tree


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch, workspace: Path):
    """Run a command in the workspace each time it has been listed, before it is copied."""

    def arrange(line: str, *, times: int) -> None:
        left = iter(range(times))

        def survey_and_meddle(folder: int, bounds: Bounds) -> Folder:
            tree = survey(folder, bounds)
            if next(left, None) is not None:
                subprocess.run(["sh", "-c", line], cwd=workspace, check=True)
            return tree

        monkeypatch.setattr(module, "survey", survey_and_meddle)

    return arrange


def test_links_are_not_followed(mirror, workspace, tmp_path, everything):
    """Neither to read nor to write through them."""
    (workspace / "secret").symlink_to(tmp_path / "secret")
    (workspace / "up").symlink_to("..")
    (workspace / "round").symlink_to("round")
    before = everything(workspace)
    mirror.update(1)
    assert b"the secret" not in (mirror.folder / PACK).read_bytes()
    remove_tree(workspace)
    (tmp_path / "elsewhere").mkdir()
    workspace.symlink_to(tmp_path / "elsewhere")
    mirror.restore()
    assert everything(workspace) == before
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "secret").read_text() == "the secret"


def test_what_is_no_file_is_left_out(mirror, workspace, everything):
    """Opening a FIFO would wait for its other end."""
    before = everything(workspace)
    mtime_ns = workspace.stat().st_mtime_ns
    os.mkfifo(workspace / "fifo")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(workspace):
        server.bind("socket")
    os.utime(workspace, ns=(mtime_ns, mtime_ns))
    assert mirror.update(1)
    mirror.restore()
    assert everything(workspace) == before


@pytest.mark.parametrize(
    "line",
    [
        "echo more >> notes",
        "rm notes",
        "rm notes; ln -s /etc/passwd notes",
        "rm notes; mkdir notes",
        "rm notes; mkfifo notes",
        "mv src gone",
        "mv src gone; ln -s gone src",
        "mv src gone; echo file > src",
    ],
)
def test_what_changes_while_it_is_copied_is_looked_at_again(
    mirror, workspace, meddle, line, everything
):
    """The mirror holds what the workspace was in the end."""
    meddle(line, times=1)
    assert mirror.update(1)
    before = everything(workspace)
    if (workspace / "notes").is_fifo():
        del before["notes"]
    mirror.restore()
    assert everything(workspace) == before


def test_a_workspace_that_does_not_hold_still_has_no_mirror(mirror, meddle):
    """Half of one state and half of another is none."""
    meddle("echo more >> notes", times=100)
    assert not mirror.update(1)
    assert not mirror.folder.exists()


def test_a_file_that_is_not_the_one_that_was_listed_is_refused(workspace, tmp_path):
    """The caller lists the folder again."""
    (workspace / "file").write_text("one")
    pack = os.open(tmp_path / "pack", os.O_RDWR | os.O_CREAT)
    folder = os.open(workspace, os.O_RDONLY)
    tree = survey(folder, Bounds())
    (workspace / "file").write_text("two, longer")
    copies = {}
    with pytest.raises(OSError, match="changed while it was copied") as caught:
        add(pack, folder, tree, copies)
    assert caught.value.errno == errno.ESTALE
    assert copies == {}
    os.close(folder)
    os.close(pack)


@pytest.mark.parametrize("flag", [0, os.O_APPEND], ids=["by the system", "through memory"])
@pytest.mark.parametrize(("size", "copied"), [(0, 0), (3, 3), (9, 5)])
def test_content_is_copied_by_whatever_means_there_are(tmp_path, flag, size, copied):
    """The system does not copy to a file that is opened for appending."""
    (tmp_path / "source").write_text("12345")
    source = os.open(tmp_path / "source", os.O_RDONLY)
    target = os.open(tmp_path / "target", os.O_WRONLY | os.O_CREAT | flag)
    assert copy_content(source, target, size) == copied
    os.close(source)
    os.close(target)
    assert (tmp_path / "target").read_text() == "12345"[:copied]
