"""Workspaces: the folder that a session works in, made from what its row gives, and removed again.

What a session leaves behind is hostile: folders without permissions, names of any bytes, trees
deeper than any path. Removal goes by descriptors, follows no link and needs two of them however
deep the tree is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from anyio import to_thread

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.beneath import Root, write_beneath
from hermes_run.sandboxes.ownership import is_lent

FICLONE = 0x40049409
"""The request to share blocks: ``_IOW(0x94, 9, int)`` of linux/fs.h."""

STRIPPED_DEPTH = 200
"""What lies deeper in a workspace that is kept is removed."""

REMOVAL_S = 300.0
"""After this the removal is given up: something outlived its session and keeps writing."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


async def remove(folder: Path) -> None:
    """Remove *folder* and all that is in it; one that is not there is removed already.

    Raises:
        SandboxError: something in it can't be removed.
    """
    await to_thread.run_sync(remove_tree, folder)


def make_tree(folder: Path, source: Path | str | Mapping[str, str] | None) -> None:
    """Make *folder*, which must not be there yet, with a copy of *source* in it; this blocks.

    *source* is a folder, or file contents by their relative paths. Links are copied as links;
    sockets, FIFOs and devices are left out, and so are the set-uid and set-gid bits of files.

    Raises:
        UsageError: *source* is no folder, or a path in it leads out or can't be made.
        SandboxError: *folder* can't be made.
    """
    if isinstance(source, (str, Path)):
        _check_source(Path(source), folder)
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise SandboxError(f"the workspace {folder} can't be made: {error.strerror}") from error
    try:
        _fill(folder, source)
    except UsageError:
        remove_tree(folder)
        raise


def _fill(folder: Path, source: Path | str | Mapping[str, str] | None) -> None:
    if isinstance(source, (str, Path)):
        _copy(Path(source), folder)
    elif source is not None:
        _write(folder, source)


def _check_source(source: Path, folder: Path) -> None:
    if not source.is_dir():
        raise UsageError(f"the workspace {source} is no folder; give one, or a map of files")
    if folder.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"the workspace {source} holds the run itself ({folder}) and would be copied into "
            "itself; give a folder with nothing but the session's files, or another --out"
        )


def _copy(source: Path, folder: Path) -> None:
    try:
        shutil.copytree(
            source,
            folder,
            symlinks=True,
            ignore=_special,
            copy_function=_copy_file,
            dirs_exist_ok=True,
        )
    except (shutil.Error, OSError) as error:
        raise UsageError(f"the workspace {source} can't be copied: {str(error)[:500]}") from error
    folder.chmod(0o700)


def _copy_file(source: str, target: str) -> None:
    if not _share(source, target):
        shutil.copyfile(source, target, follow_symlinks=False)
    mode = Path(source).stat(follow_symlinks=False).st_mode
    Path(target).chmod(mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)


def _share(source: str, target: str) -> bool:
    """Let both files have the same blocks until one is changed, as Btrfs and XFS can; or not."""
    if sys.platform != "linux":
        return False
    with (
        opened(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as given,
        opened(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)) as made,
    ):
        try:
            fcntl.ioctl(made, FICLONE, given)
        except OSError:
            return False
    return True


def _special(folder: str, names: list[str]) -> list[str]:
    """Pick what is neither file, folder nor link: opening one may wait for ever."""
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    modes = {name: Path(folder, name).lstat().st_mode for name in names}
    return [name for name, mode in modes.items() if not any(kind(mode) for kind in kinds)]


def _write(folder: Path, files: Mapping[str, str]) -> None:
    with opened(os.open(folder, _FOLDER)) as descriptor:
        root = Root(os.path.realpath(folder), descriptor)
        for path, text in files.items():
            _write_one(root, path, text)


def _write_one(root: Root, path: str, text: str) -> None:
    if path.startswith("/"):
        raise UsageError(f"the workspace file {path!r} must have a path relative to the workspace")
    try:
        write_beneath(root, path, text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise UsageError(f"the workspace file {path!r} can't be made: {error.strerror}") from error


def remove_tree(folder: Path) -> None:
    """Do what :func:`remove` does, and block meanwhile.

    Raises:
        SandboxError: something in it can't be removed.
    """
    with contextlib.suppress(OSError):
        folder.rmdir()  # most are empty, and quickly gone
        return
    try:
        with opened(os.open(folder.parent, _FOLDER & ~os.O_NOFOLLOW)) as parent:
            _remove_entry(parent, folder.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SandboxError(f"the folder {folder} can't be removed: {error.strerror}") from error


def strip_tree(folder: Path) -> None:
    """Take from the files of a folder that stays what would make them more than files; this blocks.

    Set-uid and set-gid bits go, and so do sockets, FIFOs and devices; everything in it is its
    owner's to read, and root's again where a session of root had another user for it. One that is
    not there has nothing to lose.

    Raises:
        SandboxError: something in it can't be changed.
    """
    try:
        with opened(os.open(folder, _FOLDER)) as top:
            if _is_to_come_back(os.fstat(top)):
                os.fchown(top, os.geteuid(), os.getegid())
            _strip_level(top, STRIPPED_DEPTH)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SandboxError(f"the workspace {folder} can't be kept: {error.strerror}") from error


def _strip_level(folder: int, depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            _strip_entry(folder, entry, depth)


def _strip_entry(folder: int, entry: os.DirEntry[str], depth: int) -> None:
    found = entry.stat(follow_symlinks=False)
    mode = found.st_mode
    if _is_to_come_back(found):
        os.chown(entry.name, os.geteuid(), os.getegid(), dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(mode) and depth:
        with opened(_open_folder(folder, entry.name)) as descriptor:
            _strip_level(descriptor, depth - 1)
    elif stat.S_ISREG(mode):
        os.chmod(entry.name, stat.S_IMODE(mode) & 0o777, dir_fd=folder)
    elif not stat.S_ISLNK(mode):
        _remove_entry(folder, entry.name)


def _is_to_come_back(found: os.stat_result) -> bool:
    return os.geteuid() == 0 and is_lent(found.st_uid)


def _remove_entry(parent: int, name: str) -> None:
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if not stat.S_ISDIR(mode):
        os.unlink(name, dir_fd=parent)
        return
    with opened(_open_folder(parent, name)) as top:
        _empty(top)
    os.rmdir(name, dir_fd=parent)


def _empty(top: int) -> None:
    """Remove all that is in a folder: its folders hand theirs up to it, until there are none."""
    names = (f".removed-{uuid.uuid4().hex}-{number}" for number in itertools.count())
    latest = time.monotonic() + REMOVAL_S
    while _dissolve_all(top, names):
        if time.monotonic() > latest:
            raise OSError(errno.EBUSY, "something keeps writing to it")


def _dissolve_all(top: int, names: Iterator[str]) -> bool:
    """Remove the files in *top* and the folders under it; tell whether there was anything."""
    found = False
    with os.scandir(top) as entries:
        for entry in entries:
            found = True
            if entry.is_dir(follow_symlinks=False):
                _dissolve(top, entry.name, names)
            else:
                os.unlink(entry.name, dir_fd=top)
    return found


def _dissolve(top: int, name: str, names: Iterator[str]) -> None:
    """Remove one folder, moving the folders in it into *top*."""
    with opened(_open_folder(top, name)) as folder, os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                # Its owner's rights come back first: a folder that can't be written can't move.
                os.close(_open_folder(folder, entry.name))
                os.rename(entry.name, next(names), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=folder)
    os.rmdir(name, dir_fd=top)


def _open_folder(parent: int, name: str) -> int:
    """Open a folder and give its owner every right to it."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    os.fchmod(descriptor, 0o700)
    return descriptor


@contextlib.contextmanager
def opened(descriptor: int) -> Generator[int]:
    """Close *descriptor* at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)
