"""Workspaces are handed over to who works in them, whole, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermes_run.sandboxes.ownership import UIDS, hand_over, is_reachable, unused_uid
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


def test_a_uid_is_nobodys():
    """Neither a process's nor one that was given out before."""
    taken = set(UIDS) - {UID, UIDS[1]}
    assert unused_uid({*taken, UID}) == UIDS[1]
    assert unused_uid(()) in UIDS
