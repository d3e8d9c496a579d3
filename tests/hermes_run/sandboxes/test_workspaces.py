"""Workspaces are made from what a row gives, and removed whatever a session left in them."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes import workspaces
from hermes_run.sandboxes.ownership import UIDS
from hermes_run.sandboxes.workspaces import make_tree, remove, strip_tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a workspace that is not there yet, nor is the folder above it."""
    return tmp_path / "run" / "workspaces" / "one"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make a folder to copy."""
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/script.sh").write_text("echo hi")
    (folder / "sub/script.sh").chmod(0o4755)
    return folder


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Go on without root's rights, with a folder of one's own that can be reached."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    was_root = os.geteuid() == 0
    if was_root:
        os.chown(folder, 65_534, 65_534)
        os.seteuid(65_534)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o700)
        workspaces.remove_tree(folder)


def content(folder: Path) -> dict[str, str]:
    """Read every file below *folder*."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_a_workspace_is_empty_and_private_without_a_source(folder):
    """Nobody but its owner looks into it."""
    make_tree(folder, None)
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_a_workspace_is_made_from_a_map_of_files(folder):
    """Folders are made on the way, and any text can be in a file."""
    files = {"a.txt": "é\n", "deep/er/b": "", "c": "half \ud800"}
    make_tree(folder, files)
    assert (folder / "a.txt").read_text() == "é\n"
    assert (folder / "deep/er/b").read_text() == ""
    assert (folder / "c").read_bytes() == b"half \xed\xa0\x80"


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"../out": "x"}, "leads out"),
        ({"a/../../out": "x"}, "leads out"),
        ({"/etc/out": "x"}, "relative"),
        ({"": "x"}, "Is a directory"),
        ({".": "x"}, "Is a directory"),
        ({"a\0": "x"}, "NUL"),
        ({"a": "x", "a/b": "y"}, "Not a directory"),
        ({"a/b": "x", "a": "y"}, "directory"),
        ({"n" * 300: "x"}, "too long"),
    ],
)
def test_a_file_that_cannot_be_in_the_workspace_is_named(folder, files, text):
    """Nothing is made outside, and nothing is left inside."""
    with pytest.raises(UsageError, match=text):
        make_tree(folder, files)
    assert list(folder.parent.iterdir()) == []
    assert not (folder.parent / "out").exists()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_workspace_is_a_copy_of_a_folder(folder, source, kind):
    """Modes stay but for the set-uid bit, links stay links, and the copy is one's own."""
    (source / "link").symlink_to("/etc/passwd")
    (source / "here").symlink_to("sub/script.sh")
    (source / "read_only").write_text("x")
    (source / "read_only").chmod(0o444)
    source.chmod(0o777)
    make_tree(folder, kind(source))
    script = folder / "sub/script.sh"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "read_only").stat().st_mode) == 0o644
    assert (folder / "link").readlink() == Path("/etc/passwd")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    script.write_text("changed")
    assert (source / "sub/script.sh").read_text() == "echo hi"


def test_what_is_no_file_is_left_out_of_a_copy(folder, source):
    """A FIFO would make the copy wait for ever."""
    os.mkfifo(source / "fifo")
    make_tree(folder, source)
    assert content(folder) == {"sub/script.sh": "echo hi"}


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_source_that_is_no_folder_is_refused(folder, tmp_path, name):
    """Before anything is made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        make_tree(folder, tmp_path / name)
    assert not folder.parent.exists()


def test_a_source_that_holds_the_workspace_is_refused(folder, tmp_path):
    """It would be copied into itself without end."""
    with pytest.raises(UsageError, match="holds the run itself"):
        make_tree(folder, tmp_path)
    assert not folder.exists()


def test_a_source_that_cannot_be_read_is_refused(unprivileged):
    """And the part of it that was copied is removed."""
    source, folder = unprivileged / "source", unprivileged / "workspace"
    source.mkdir()
    (source / "file").write_text("")
    (source / "file").chmod(0)
    with pytest.raises(UsageError, match="can't be copied"):
        make_tree(folder, source)
    assert not folder.exists()


def test_a_folder_that_is_there_already_is_not_touched(folder):
    """It may be another session's."""
    folder.mkdir(parents=True)
    (folder / "theirs").write_text("x")
    with pytest.raises(SandboxError, match="can't be made: File exists"):
        make_tree(folder, {"mine": "y"})
    assert content(folder) == {"theirs": "x"}


async def test_a_workspace_is_removed_with_all_that_is_in_it(folder, tmp_path):
    """Odd names, FIFOs, links; what links point to stays."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_text("kept")
    make_tree(folder, {"a/b/c": "x", "new\nline": "x", "-rf": "x", "n" * 255: "x"})
    (folder / os.fsdecode(b"\xff\xfe")).mkdir()
    os.mkfifo(folder / "a/fifo")
    (folder / "a/link").symlink_to(tmp_path / "outside")
    (folder / "up").symlink_to("..")
    await remove(folder)
    assert not folder.exists()
    assert content(tmp_path) == {"outside/kept": "kept"}


async def test_removing_what_is_not_there_is_no_error(folder):
    """Neither the workspace nor the folder above it."""
    await remove(folder)
    folder.parent.mkdir(parents=True)
    await remove(folder)


async def test_a_tree_deeper_than_any_path_is_removed(folder):
    """Its depth costs neither stack nor descriptors."""
    make_tree(folder, None)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    await remove(folder)
    assert not folder.exists()


async def test_a_workspace_that_was_swapped_for_a_link_is_removed_as_a_link(folder, tmp_path):
    """What it points to is not entered."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_text("kept")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path / "outside")
    await remove(folder)
    assert not folder.is_symlink()
    assert content(tmp_path) == {"outside/kept": "kept"}


async def test_folders_without_permissions_are_removed(unprivileged):
    """The owner takes the rights back, at every depth."""
    folder = unprivileged / "workspace"
    make_tree(folder, {"a/b/c": "x", "a/b/d/e": "y"})
    for inner in ("a/b/d", "a/b", "a", "."):
        (folder / inner).chmod(0)
    await remove(folder)
    assert not folder.exists()


async def test_a_workspace_that_cannot_be_removed_is_named(unprivileged):
    """Whose folder it stands in is not the session's business."""
    folder = unprivileged / "closed" / "workspace"
    make_tree(folder, None)
    folder.parent.chmod(0o500)
    with pytest.raises(SandboxError, match=r"workspace can't be removed: Permission denied"):
        await remove(folder)


async def test_a_removal_that_does_not_end_is_given_up(folder, monkeypatch):
    """Something that keeps writing does not keep the run."""
    make_tree(folder, {"a": "x"})
    monkeypatch.setattr(workspaces, "REMOVAL_S", -1)
    with pytest.raises(SandboxError, match="keeps writing"):
        await remove(folder)


def test_a_workspace_that_is_kept_holds_files_and_folders_only(tmp_path):
    """What would give somebody rights is gone, and so is what is no file."""
    folder = tmp_path / "kept"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/owner").write_text("x")
    (folder / "sub/owner").chmod(0o6755)
    (folder / "sub").chmod(0o4000)
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "fifo")
    strip_tree(folder)
    assert (folder / "sub/owner").stat().st_mode & 0o7777 == 0o755
    assert sorted(path.name for path in folder.rglob("*")) == ["link", "owner", "sub"]


@pytest.mark.root
def test_a_workspace_that_is_kept_is_its_runners_again(tmp_path):
    """Who it was lent to may be another session's tomorrow; what is somebody else's stays so."""
    outside = tmp_path / "outside"
    outside.write_text("x")
    os.chown(outside, UIDS[0], UIDS[0])
    folder = tmp_path / "kept"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/file").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "other").write_text("x")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UIDS[0], UIDS[0], follow_symlinks=False)
    os.chown(folder / "other", 1000, 1000)
    strip_tree(folder)
    owners = {path.name: path.lstat().st_uid for path in (folder, *folder.rglob("*"))}
    assert owners == {"kept": 0, "sub": 0, "file": 0, "link": 0, "other": 1000}
    assert outside.stat().st_uid == UIDS[0]


def test_what_lies_too_deep_in_a_workspace_is_not_kept(tmp_path, monkeypatch):
    """Nobody looks at it, so nobody can say that it is harmless."""
    monkeypatch.setattr(workspaces, "STRIPPED_DEPTH", 1)
    (tmp_path / "kept/1/2/3").mkdir(parents=True)
    (tmp_path / "kept/1/file").write_text("x")
    strip_tree(tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").rglob("*")) == ["1", "file"]


def test_a_workspace_that_is_gone_has_nothing_to_strip(tmp_path):
    """A session may have ended before it had one."""
    strip_tree(tmp_path / "none")


def test_a_workspace_that_is_no_folder_is_told(tmp_path):
    """It is not what this made."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SandboxError, match="can't be kept"):
        strip_tree(tmp_path / "file")


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system on which files can share their blocks."""
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(320 * 2**20)
    making = ["mkfs.xfs", "-q", "-m", "reflink=1", str(image)]
    for command in (making, ["mount", "-o", "loop", str(image), str(folder)]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(f"{command[0]} can't be used here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
def test_files_are_copied_without_taking_room_where_they_can_be(sharing):
    """A copy of a large file takes none of its blocks, and is another file all the same."""
    (sharing / "source").mkdir()
    (sharing / "source/large").write_bytes(os.urandom(32 * 2**20))
    os.sync()
    before = os.statvfs(sharing).f_bavail
    make_tree(sharing / "run" / "one", sharing / "source")
    os.sync()
    taken = (before - os.statvfs(sharing).f_bavail) * os.statvfs(sharing).f_bsize
    assert taken < 8 * 2**20
    (sharing / "run/one/large").write_bytes(b"changed")
    assert (sharing / "source/large").stat().st_size == 32 * 2**20
