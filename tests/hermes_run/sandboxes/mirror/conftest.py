"""A workspace to keep a mirror of, and ways to look at both."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from hermes_run.sandboxes.mirror import PACK, Mirror
from hermes_run.sandboxes.workspaces import remove_tree

Everything: TypeAlias = Callable[[Path], dict[str, tuple[object, ...]]]


@pytest.fixture
def mirror(tmp_path: Path, workspace: Path, fill: Callable[[Path], None]) -> Mirror:
    """Give a mirror, not made yet, of a workspace with a little of everything in it."""
    fill(workspace)
    return Mirror(tmp_path / "mirrors" / "one", workspace)


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
        remove_tree(folder)


@pytest.fixture(scope="session")
def fill() -> Callable[[Path], None]:
    """Put files, folders and links into a folder."""
    return _fill


@pytest.fixture(scope="session")
def spoil() -> Callable[[Path], None]:
    """Change everything in a folder that was filled, each thing in a way of its own."""
    return _spoil


@pytest.fixture(scope="session")
def everything() -> Everything:
    """Describe a folder and all that is in it: kinds, modes, times, contents, targets."""
    return _everything


@pytest.fixture(scope="session")
def packed() -> Callable[[Mirror], int]:
    """Tell how many bytes have been copied into a mirror."""
    return _packed


def _fill(folder: Path) -> None:
    (folder / "src/deep").mkdir(parents=True)
    (folder / "empty").mkdir(mode=0o500)
    (folder / "notes").write_text("first\n")
    (folder / "src/main.py").write_text("print(1)\n")
    (folder / "src/main.py").chmod(0o755)
    (folder / "src/deep/nothing").touch()
    (folder / "link").symlink_to("src/main.py")
    (folder / "out").symlink_to("/nowhere")
    os.utime(folder / "link", ns=(1, 2_000_000_001), follow_symlinks=False)
    os.utime(folder / "notes", ns=(1, 1_000_000_001))


def _spoil(folder: Path) -> None:
    (folder / "notes").write_text("first\nsecond\n")
    (folder / "new").write_text("new")
    (folder / "empty").rmdir()
    (folder / "empty").symlink_to("/")
    (folder / "link").unlink()
    (folder / "link").mkdir(mode=0)
    shutil.rmtree(folder / "src")
    (folder / "src").write_text("a file now")
    folder.chmod(0o755)


def _everything(folder: Path) -> dict[str, tuple[object, ...]]:
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): _described(path) for path in paths}


def _described(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "link", status.st_mtime_ns, os.fsencode(path.readlink())
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
    return status.st_mode, status.st_mtime_ns, content


def _packed(mirror: Mirror) -> int:
    return (mirror.folder / PACK).stat().st_size
