"""A mirror holds a workspace as it was before a step, whatever the step then does to it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_run.errors import SandboxError
from hermes_run.sandboxes import mirror as module
from hermes_run.sandboxes.mirror import (
    MARK,
    PACK,
    Mirror,
    boot_id,
    restore_mirror,
    update_mirror,
)
from hermes_run.sandboxes.workspaces import remove_tree


def test_a_restored_workspace_is_what_it_was_before_the_step(mirror, workspace, everything, spoil):
    """Contents, modes, times, links, empty folders; what came new is gone."""
    workspace.chmod(0o750)
    before = everything(workspace)
    assert mirror.update(3)
    spoil(workspace)
    mirror.restore()
    assert everything(workspace) == before


def test_nobody_else_may_look_into_a_mirror(mirror):
    """Neither into it nor into the folder of all mirrors, whatever the process would let them."""
    before = os.umask(0)
    try:
        assert mirror.update(3)
    finally:
        os.umask(before)
    for folder in (mirror.folder, mirror.folder.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in mirror.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


NAMES = st.sampled_from(["a", "b", "c", "a/a", "a/b", "b/a", "b/a/c", os.fsdecode(b"\xff\n")])
OPERATION = st.one_of(
    st.tuples(st.sampled_from(["write", "append"]), NAMES, st.binary(max_size=9)),
    st.tuples(st.sampled_from(["symlink", "rename", "hard link"]), NAMES, NAMES),
    st.tuples(st.just("chmod"), NAMES, st.sampled_from([0o700, 0o755, 0o500, 0o744, 0o1777])),
    st.tuples(st.just("utime"), NAMES, st.integers(0, 2**33 * 10**9)),
    st.tuples(st.sampled_from(["remove", "mkdir", "fifo"]), NAMES, st.none()),
)
OPERATIONS = st.lists(OPERATION, max_size=12)


def operate(folder: Path, kind: str, name: str, argument: object) -> None:
    """Do one thing to a workspace; what can't be done is left out."""
    path = folder / name
    with contextlib.suppress(OSError, SandboxError):
        match kind, argument:
            case "write" | "append", bytes():
                _write(path, argument, os.O_APPEND if kind == "append" else os.O_TRUNC)
            case "symlink", str():
                path.symlink_to(argument)
            case "rename", str():
                path.replace(folder / argument)
            case "hard link", str():
                (folder / argument).hardlink_to(path)
            case "chmod", int() if not path.is_symlink():
                path.chmod(argument)
            case "utime", int():
                os.utime(path, ns=(1, argument), follow_symlinks=False)
            case "remove", None:
                remove_tree(path)
            case "mkdir", None:
                path.mkdir()
            case "fifo", None:
                os.mkfifo(path)


def _write(path: Path, content: bytes, flag: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | flag
    descriptor = os.open(path, flags, 0o644)
    os.write(descriptor, content)
    os.close(descriptor)


@settings(max_examples=80)
@given(st.lists(OPERATIONS, min_size=1, max_size=4), OPERATIONS)
def test_whatever_was_done_before_and_after_an_update_a_restore_gives_the_tree_at_the_update(
    everything, before, after
):
    """Also where the mirror has been brought up to date many times; special files do not come."""
    top = Path(tempfile.mkdtemp())
    workspace = top / "workspace"
    workspace.mkdir()
    try:
        for seq, operations in enumerate(before):
            for operation in operations:
                operate(workspace, *operation)
            assert Mirror(top / "mirror", workspace).update(seq)
        then = everything(workspace)
        for operation in after:
            operate(workspace, *operation)
        assert Mirror(top / "mirror", workspace).stands_before(len(before) - 1)
        Mirror(top / "mirror", workspace).restore()
        fifos = {path for path, entry in then.items() if is_fifo(entry[0])}
        assert everything(workspace) == {p: e for p, e in then.items() if p not in fifos}
    finally:
        remove_tree(top)


def is_fifo(mode: object) -> bool:
    """Tell a FIFO by its mode; a link has none here."""
    return isinstance(mode, int) and stat.S_ISFIFO(mode)


def test_a_file_that_is_appended_to_in_place_does_not_change_in_the_mirror(mirror, workspace):
    """As it would in a copy of hard links."""
    mirror.update(1)
    with (workspace / "notes").open("a") as file:
        file.write("second\n")
    mirror.restore()
    assert (workspace / "notes").read_text() == "first\n"


def test_the_mirror_stays_after_a_restore(mirror, workspace, everything, spoil):
    """The step may break the workspace again, or the process die once more."""
    before = everything(workspace)
    mirror.update(1)
    for _ in range(2):
        spoil(workspace)
        mirror.restore()
        assert everything(workspace) == before
    assert mirror.update(2)
    spoil(workspace)
    mirror.restore()
    assert everything(workspace) == before


def test_two_names_of_one_file_come_back_as_two_files(mirror, workspace):
    """With the same content."""
    (workspace / "twin").hardlink_to(workspace / "notes")
    mirror.update(1)
    mirror.restore()
    assert (workspace / "twin").read_text() == (workspace / "notes").read_text() == "first\n"
    assert (workspace / "twin").stat().st_nlink == 1


def test_set_uid_bits_do_not_come_back(mirror, workspace):
    """A file of somebody else's would come back as one's own."""
    (workspace / "notes").chmod(0o6755)
    mirror.update(1)
    mirror.restore()
    assert stat.S_IMODE((workspace / "notes").stat().st_mode) == 0o755


def test_a_mirror_stands_before_the_step_it_was_brought_up_to_date_for(mirror):
    """And no other; another process can tell as well."""
    assert not mirror.stands_before(7)
    mirror.update(7)
    mirror.update(9)
    again = Mirror(mirror.folder, mirror.workspace)
    assert again.stands_before(9)
    assert not again.stands_before(7)
    assert again == mirror


@pytest.fixture
def other_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Name a file that says which boot this is, from now on."""
    monkeypatch.setattr(module, "BOOT", tmp_path / "boot_id")
    boot_id.cache_clear()
    yield tmp_path / "boot_id"
    boot_id.cache_clear()


def test_after_the_machine_was_started_anew_a_mirror_means_nothing(
    mirror, other_boot, workspace, packed
):
    """It was not synced: the mark may be there and the contents not."""
    other_boot.write_text("the first\n")
    mirror.update(7)
    other_boot.write_text("the second\n")
    assert mirror.stands_before(7)
    boot_id.cache_clear()
    assert not mirror.stands_before(7)
    with pytest.raises(SandboxError, match="holds no complete copy"):
        mirror.restore()
    (mirror.folder / PACK).write_bytes(b"\0" * packed(mirror))
    assert mirror.update(8)
    mirror.restore()
    assert (workspace / "notes").read_text() == "first\n"


def test_a_boot_has_a_name_where_linux_does_not_give_one(other_boot):
    """The time of it, then."""
    assert not other_boot.exists()
    assert float(boot_id()) > 0


def test_a_mark_that_is_cut_short_anywhere_stands_for_nothing(mirror, workspace, everything, spoil):
    """Whatever lies beside it is not looked at, and the next update begins anew."""
    before = everything(workspace)
    mirror.update(7)
    mark = (mirror.folder / MARK).read_bytes()
    for cut in range(len(mark)):
        (mirror.folder / MARK).write_bytes(mark[:cut])
        assert not mirror.stands_before(7)
    with pytest.raises(SandboxError, match="holds no complete copy"):
        mirror.restore()
    assert everything(workspace) == before
    assert mirror.update(8)
    spoil(workspace)
    mirror.restore()
    assert everything(workspace) == before


async def test_many_workspaces_are_mirrored_restored_and_let_go_at_once(tmp_path):
    """Each by itself, in threads."""
    mirrors = [Mirror(tmp_path / f"mirror{n}", tmp_path / f"workspace{n}") for n in range(20)]

    async def live(number: int, mirror: Mirror) -> None:
        mirror.workspace.mkdir()
        (mirror.workspace / "file").write_text(str(number))
        assert await update_mirror(mirror, 5)
        (mirror.workspace / "file").unlink()
        assert not await restore_mirror(mirror, 4)
        assert not (mirror.workspace / "file").exists()
        assert await restore_mirror(mirror, 5)
        assert (mirror.workspace / "file").read_text() == str(number)
        mirror.remove()
        mirror.remove()
        assert not mirror.folder.exists()

    async with anyio.create_task_group() as group:
        for number, mirror in enumerate(mirrors):
            group.start_soon(live, number, mirror)
