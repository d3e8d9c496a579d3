"""Files are opened beneath the workspace, and nothing leads out of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hermes_run.sandboxes.beneath import (
    PATH_BYTES,
    PATH_PARTS,
    folder_beneath,
    read_beneath,
    write_beneath,
)


@pytest.mark.parametrize("path", ["a/b.txt", "./a//b.txt", "a/../a/b.txt", "a/b.txt/", "a/./b.txt"])
def test_a_path_is_read_as_the_system_reads_it(root, workspace, path):
    """Dots, double slashes and `..` inside of the workspace are fine."""
    (workspace / "a").mkdir()
    (workspace / "a/b.txt").write_text("content")
    assert read_beneath(root, path, 100) == b"content"


def test_an_absolute_path_may_lie_in_the_workspace(root, workspace):
    """Commands print such paths, so models use them."""
    write_beneath(root, f"{workspace}/new/file", b"content")
    assert read_beneath(root, f"{workspace}/new/file", 3) == b"con"
    assert folder_beneath(root, f"{workspace}/new") == f"{workspace}/new"
    assert folder_beneath(root, str(workspace)) == f"{workspace}/."


@pytest.mark.parametrize(
    "path",
    ["../secret", "a/../../secret", "..", "/etc/passwd", "/", "{workspace}2/x", "a/out/secret"],
)
def test_a_path_out_is_refused(root, workspace, path):
    """Neither `..` nor an absolute path nor a folder with a longer name is let through."""
    Path(f"{workspace}2").mkdir()
    (workspace / "a").mkdir()
    (workspace / "a/out").symlink_to("../..")
    with pytest.raises(PermissionError, match="leads out of the workspace"):
        read_beneath(root, path.format(workspace=workspace), 100)
    with pytest.raises(PermissionError, match="leads out of the workspace"):
        write_beneath(root, path.format(workspace=workspace), b"mine")
    assert (workspace.parent / "secret").read_text() == "the secret"


@pytest.mark.parametrize("target", ["../secret", "{parent}/secret", "a/../../secret", "other"])
def test_a_link_out_is_not_followed(root, workspace, target):
    """Relative, absolute, by detours and through another link: the secret stays where it is."""
    (workspace / "a").mkdir()
    (workspace / "other").symlink_to("../secret")
    (workspace / "link").symlink_to(target.format(parent=workspace.parent))
    with pytest.raises(PermissionError, match="leads out of the workspace"):
        read_beneath(root, "link", 100)
    with pytest.raises(PermissionError, match="leads out of the workspace"):
        write_beneath(root, "link", b"mine")
    assert (workspace.parent / "secret").read_text() == "the secret"


def test_a_link_within_the_workspace_is_followed(root, workspace):
    """Links to files and folders, relative and absolute, also ones to what is not there yet."""
    (workspace / "data/deep").mkdir(parents=True)
    (workspace / "data/current.csv").write_text("1,2")
    (workspace / "latest").symlink_to("data/current.csv")
    (workspace / "folder").symlink_to(workspace / "data")
    (workspace / "data/deep/up").symlink_to("../current.csv")
    (workspace / "dangling").symlink_to("data/new")
    assert read_beneath(root, "latest", 100) == b"1,2"
    assert read_beneath(root, "folder/deep/up", 100) == b"1,2"
    assert folder_beneath(root, "folder/deep") == f"{workspace}/data/deep"
    write_beneath(root, "dangling", b"made")
    assert (workspace / "data/new").read_bytes() == b"made"


def test_links_in_a_circle_end(root, workspace):
    """A circle is an error, as everywhere."""
    (workspace / "a").symlink_to("b")
    (workspace / "b").symlink_to("a")
    with pytest.raises(OSError, match="circle") as caught:
        read_beneath(root, "a", 1)
    assert caught.value.errno == errno.ELOOP


def test_a_fifo_does_not_hold_the_reader_up(root, workspace):
    """What is no regular file is refused, by a reader and by a writer, at once."""
    os.mkfifo(workspace / "fifo")
    with pytest.raises(OSError, match="no regular file"):
        read_beneath(root, "fifo", 1)
    with pytest.raises(OSError, match="No such device"):
        write_beneath(root, "fifo", b"x")
    reader = os.open(workspace / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="no regular file"):
        write_beneath(root, "fifo", b"x")
    os.close(reader)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_device_is_refused(root, workspace):
    """A node of /dev/zero would never end."""
    os.mknod(workspace / "zero", 0o020666, os.makedev(1, 5))
    with pytest.raises(OSError, match="no regular file"):
        read_beneath(root, "zero", 1)


@pytest.mark.parametrize("path", ["", ".", "a", "a/.."])
def test_a_folder_is_no_file(root, workspace, path):
    """Reading and writing a folder is an error of its own."""
    (workspace / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        read_beneath(root, path, 1)
    with pytest.raises(IsADirectoryError):
        write_beneath(root, path, b"")


def test_what_is_missing_or_in_the_way_is_an_error_of_the_system(root, workspace):
    """Missing files, and files where folders should be."""
    (workspace / "file").write_text("")
    with pytest.raises(FileNotFoundError):
        read_beneath(root, "no/such", 1)
    with pytest.raises(NotADirectoryError):
        write_beneath(root, "file/x", b"")
    with pytest.raises(NotADirectoryError):
        folder_beneath(root, "file")
    with pytest.raises(NotADirectoryError):
        read_beneath(root, "file/x/y", 1)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a\0b", "NUL"),
        ("a\ud800", "half a character"),
        ("a/" * PATH_BYTES, "too long"),
        ("a/" * (PATH_PARTS + 1), "more than 64 parts"),
        ("n" * 300, "File name too long"),
    ],
)
def test_paths_that_no_system_takes_are_refused(root, path, text):
    """No such path raises anything but an OSError, and none leaves a descriptor open."""
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(OSError, match=text):
        write_beneath(root, path, b"")
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_writing_replaces_the_content_and_keeps_the_mode(root, workspace):
    """A script that is patched stays executable."""
    script = workspace / "run.sh"
    script.write_text("a much longer content")
    script.chmod(0o755)
    write_beneath(root, "run.sh", b"short")
    assert script.read_bytes() == b"short"
    assert script.stat().st_mode & 0o777 == 0o755


def test_a_huge_sparse_file_costs_no_more_than_what_is_asked_for(root, workspace):
    """Only the beginning is read."""
    with (workspace / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert read_beneath(root, "sparse", 10) == b"\0" * 10


def test_names_of_any_bytes_lead_through_links(root, workspace):
    """A link's target need not be text."""
    name = os.fsdecode(b"\xff")
    (workspace / name).mkdir()
    (workspace / name / "x").write_text("in")
    (workspace / "link").symlink_to(f"{name}/x")
    assert read_beneath(root, "link", 10) == b"in"
