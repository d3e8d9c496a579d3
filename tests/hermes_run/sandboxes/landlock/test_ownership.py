"""Workspaces are handed over to who works in them, whole, and nothing else is."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes import ownership
from hermes_run.sandboxes.ownership import UIDS, Uids, hand_over, is_reachable, used_uids
from hermes_run.sandboxes.workspaces import remove_tree

UID = UIDS[0]


def owner(path: Path) -> int:
    """Give whose a file is."""
    return path.lstat().st_uid


@pytest.mark.root
def test_a_tree_is_handed_over_and_links_are_not_followed(tmp_path):
    """What a link points to stays with who has it."""
    outside = tmp_path / "outside"
    outside.write_text("")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "file").write_text("")
    (tree / "link").symlink_to(outside)
    (tree / "folder").symlink_to(tmp_path)
    hand_over(str(tree), UID)
    assert {owner(path) for path in (tree, *tree.rglob("*"))} == {UID}
    assert owner(outside) == owner(tmp_path) == os.geteuid()


@pytest.mark.root
def test_a_tree_deeper_than_any_path_is_handed_over(tmp_path):
    """Past sessions may have left one."""
    tree = tmp_path / "tree"
    tree.mkdir()
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(tree)
        for _ in range(1500):
            os.mkdir("folder")  # noqa: PTH102 - the path would be too long
            os.chdir("folder")
        hand_over(str(tree), UID)
        assert Path().stat().st_uid == UID
    finally:
        os.fchdir(before)
        os.close(before)
        remove_tree(tree)


@pytest.mark.root
def test_what_is_not_there_cannot_be_handed_over(tmp_path):
    """The caller is told."""
    with pytest.raises(FileNotFoundError):
        hand_over(str(tmp_path / "missing"), UID)


def test_a_folder_is_reachable_if_all_above_it_let_others_through(tmp_path):
    """It need not do so itself: it is handed over."""
    folder = tmp_path / "open" / "own"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    tmp_path.chmod(0o700)
    assert not is_reachable(folder)
    assert is_reachable(Path("/usr"))


@pytest.fixture
def few(monkeypatch, tmp_path) -> range:
    """Let there be three uids, and a register of the test's own."""
    uids = range(UIDS.start, UIDS.start + 3)
    monkeypatch.setattr(ownership, "UIDS", uids)
    monkeypatch.setattr(ownership, "REGISTER", tmp_path / "uids")
    return uids


def lend_all(stack: contextlib.ExitStack, uids: Uids, count: int) -> set[int]:
    """Take *count* uids until *stack* ends."""
    return {stack.enter_context(uids.lent()) for _ in range(count)}


@pytest.mark.parametrize("register", ["uids", "missing/uids"])
def test_uids_that_are_lent_differ_until_they_are_given_back(monkeypatch, tmp_path, few, register):
    """Where there can be no register, too; and there is an end to them."""
    monkeypatch.setattr(ownership, "REGISTER", tmp_path / register)
    uids = Uids()
    with contextlib.ExitStack() as stack:
        assert lend_all(stack, uids, 3) == set(few)
        with pytest.raises(SandboxError, match="every user"), uids.lent():
            pytest.fail("there are three")
    with contextlib.ExitStack() as stack:
        assert lend_all(stack, uids, 3) == set(few)


RUN = """
import contextlib, sys
from pathlib import Path
from hermes_run.sandboxes import ownership
ownership.REGISTER = Path(sys.argv[1])
ownership.UIDS = range(int(sys.argv[2]), int(sys.argv[2]) + 3)
uids = ownership.Uids()
with contextlib.ExitStack() as stack:
    print(*[stack.enter_context(uids.lent()) for _ in range(2)], flush=True)
    sys.stdin.read()
"""


def test_another_run_takes_other_uids_and_one_that_was_killed_has_none(few):
    """Before any process has them."""
    argv = [sys.executable, "-c", RUN, str(ownership.REGISTER), str(few.start)]
    pipe = subprocess.PIPE
    uids = Uids()
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, cwd=Path(__file__).parents[4]) as run:
        assert run.stdout
        theirs = {int(word) for word in run.stdout.readline().split()}
        with uids.lent() as ours:
            assert theirs | {ours} == set(few)
            assert len(theirs) == 2
            with pytest.raises(SandboxError), uids.lent():
                pytest.fail("there are three")
        run.kill()
    with contextlib.ExitStack() as stack:
        assert lend_all(stack, uids, 3) == set(few)


@pytest.mark.root
def test_a_uid_that_a_process_has_is_not_lent(few):
    """Whoever started that."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=few[0], cwd="/") as process:
        assert {os.geteuid(), few[0]} <= used_uids()
        with contextlib.ExitStack() as stack:
            assert lend_all(stack, Uids(), 2) == {few[1], few[2]}
        process.kill()


@pytest.mark.root
def test_a_register_that_is_a_link_is_not_followed(few, tmp_path):
    """What it points to stays as it is."""
    ownership.REGISTER.symlink_to(tmp_path / "made")
    with Uids().lent() as uid:
        assert uid in few
    assert not (tmp_path / "made").exists()
