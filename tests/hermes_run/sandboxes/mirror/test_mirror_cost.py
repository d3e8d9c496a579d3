"""A mirror costs little, and a workspace that would cost much has none."""

from __future__ import annotations

import os
import resource
import stat
import subprocess

import pytest

from hermes_run.sandboxes import mirror as module
from hermes_run.sandboxes.mirror import Mark, Mirror
from hermes_run.sandboxes.tree import DEPTH, Bounds, File, Folder


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file count as one that was changed long ago."""
    monkeypatch.setattr(module, "FINE_NS", -(10**15))
    monkeypatch.setattr(module, "COARSE_NS", -(10**15))


@pytest.mark.usefixtures("settled")
def test_an_update_copies_nothing_where_nothing_changed(mirror, packed):
    """Also in another process: what was copied is read from the mark."""
    mirror.update(1)
    size = packed(mirror)
    assert size == len("first\nprint(1)\n")
    assert Mirror(mirror.folder, mirror.workspace).update(2)
    assert packed(mirror) == size


@pytest.mark.usefixtures("settled")
def test_an_update_copies_only_what_changed(mirror, workspace, packed):
    """Content, and whatever else may mean another content."""
    mirror.update(1)
    size = packed(mirror)
    (workspace / "notes").write_text("other\n")
    os.utime(workspace / "notes", ns=(1, 1_000_000_001))
    mirror.update(2)
    assert packed(mirror) == size + len("other\n")
    mirror.restore()
    assert (workspace / "notes").read_text() == "other\n"


def test_a_file_that_was_changed_a_moment_ago_is_copied_again(mirror, monkeypatch, packed):
    """A change within the same tick of the clock would leave it looking the same."""
    monkeypatch.setattr(module, "FINE_NS", 10**15)
    monkeypatch.setattr(module, "COARSE_NS", 10**15)
    mirror.update(1)
    size = packed(mirror)
    mirror.update(2)
    assert packed(mirror) == 2 * size


@pytest.mark.parametrize(("ctime_ns", "is_settled"), [(8 * 10**9, False), (8 * 10**9 + 1, True)])
def test_times_of_a_coarse_file_system_are_trusted_later(ctime_ns, is_settled):
    """There a tick is as long as two seconds."""
    file = File(stat.S_IFREG, 1, ctime_ns, ctime_ns, 1, 1)
    tree = Folder(stat.S_IFDIR, 0, files={b"file": file})
    mark = Mark(1, "boot", 9 * 10**9, tree, {file.identity: 0})
    assert (file.identity in module._settled(mark)) is is_settled


@pytest.mark.usefixtures("settled")
def test_a_mirror_that_is_mostly_of_no_use_is_made_anew(mirror, workspace, monkeypatch, packed):
    """It does not grow for ever where the same file changes at every step."""
    monkeypatch.setattr(module, "SPARE_BYTES", 100)
    sizes: list[int] = []
    for seq in range(20):
        (workspace / "notes").write_text(f"{seq:50}")
        assert mirror.update(seq)
        sizes.append(packed(mirror))
    assert max(sizes) <= 2 * sizes[0] + 100 + 50
    mirror.restore()
    assert (workspace / "notes").read_text() == f"{19:50}"


@pytest.mark.parametrize(
    "bounds", [Bounds(files=7), Bounds(bytes=14)], ids=["too many", "too large"]
)
def test_a_workspace_beyond_the_bounds_has_no_mirror(mirror, bounds):
    """What there was of one is removed; there are eight entries and 15 bytes."""
    mirror.update(1)
    assert not Mirror(mirror.folder, mirror.workspace, bounds).update(2)
    assert not mirror.folder.exists()
    assert not mirror.stands_before(1)
    assert Mirror(mirror.folder, mirror.workspace, Bounds(files=8, bytes=15)).update(3)


def test_a_workspace_that_is_too_deep_has_no_mirror(mirror, workspace):
    """A descriptor is held for each folder on the way."""
    deepest = workspace.joinpath(*["d"] * DEPTH)
    deepest.mkdir(parents=True)
    assert mirror.update(1)
    (deepest / "d").mkdir()
    assert not mirror.update(2)


def test_a_workspace_that_is_gone_or_was_swapped_for_a_link_has_no_mirror(mirror, tmp_path):
    """What the link points to is not the session's."""
    mirror.workspace.rename(tmp_path / "elsewhere")
    assert not mirror.update(1)
    mirror.workspace.symlink_to(tmp_path / "elsewhere")
    assert not mirror.update(2)
    assert not mirror.folder.exists()


@pytest.mark.parametrize("name", ["notes", "src"])
def test_what_cannot_be_read_has_no_mirror(unprivileged, name, fill):
    """Neither a file without permissions nor a folder."""
    (unprivileged / "workspace").mkdir()
    fill(unprivileged / "workspace")
    mirror = Mirror(unprivileged / "mirror", unprivileged / "workspace")
    assert mirror.update(1)
    (unprivileged / "workspace" / name).chmod(0)
    assert not mirror.update(2)
    assert not mirror.folder.exists()


def test_where_there_is_no_room_there_is_no_mirror(mirror, workspace):
    """What was copied before it ran out is removed."""
    (workspace / "big").write_bytes(b"x" * 300_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        assert not mirror.update(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not mirror.folder.exists()


@pytest.mark.root
def test_a_workspace_with_another_file_system_in_it_has_no_mirror(mirror, workspace):
    """It could not be put back."""
    if subprocess.run(["mount", "-t", "tmpfs", "none", workspace / "src"], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert not mirror.update(1)
    finally:
        subprocess.run(["umount", workspace / "src"], check=True)
