"""The contents of many files one after another in a single one.

Making a file is what costs: see :mod:`hermes_run.sandboxes.mirror`. A pack is an open descriptor;
where the content of a file begins in it is kept elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping

import msgspec

from hermes_run.sandboxes.tree import FOLDER, File, Folder, Identity, dress, files, is_still
from hermes_run.sandboxes.workspaces import opened

CHUNK = 1024 * 1024

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""How to open a file that must not be there."""

# Without O_NONBLOCK the mere opening of what has become a FIFO waits for ever.
OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How to open a file that must be there."""


class Copy(msgspec.Struct, frozen=True):
    """A file as it was copied, and the place in the pack where its content begins, in bytes."""

    file: File
    place: int


def add(pack: int, folder: int, tree: Folder, copies: dict[Identity, Copy]) -> None:
    """Add to *copies*, and to the pack, what they lack of *tree*.

    *folder* is the descriptor of the folder that *tree* lists.

    Raises:
        OSError: a file can't be read, is gone or changes meanwhile (``ESTALE``), or the pack can't
            be written. What was added before that stays.
    """
    if not any(_is_missing(file, copies) for file in files(tree)):
        return
    for name, file in tree.files.items():
        if _is_missing(file, copies):
            copies[file.identity] = Copy(file, _append(pack, folder, name, file))
    for name, inner in tree.folders.items():
        with opened(os.open(name, FOLDER, dir_fd=folder)) as below:
            add(pack, below, inner, copies)


def make(pack: int, folder: int, tree: Folder, places: Mapping[Identity, int]) -> None:
    """Fill an empty folder with what *tree* lists; *folder* is its descriptor.

    The content of a file is read from its place in the pack. Modes and times are those of *tree*,
    but for the folder itself, which :func:`~hermes_run.sandboxes.tree.dress` is for.

    Raises:
        OSError: it can't be made, or the pack is cut short.
    """
    for name, file in tree.files.items():
        os.lseek(pack, places[file.identity], os.SEEK_SET)
        _make_file(pack, folder, name, file)
    for name, link in tree.links.items():
        os.symlink(link.target, name, dir_fd=folder)
        times = (link.mtime_ns, link.mtime_ns)
        os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)
    for name, inner in tree.folders.items():
        os.mkdir(name, 0o700, dir_fd=folder)
        with opened(os.open(name, FOLDER, dir_fd=folder)) as below:
            make(pack, below, inner, places)
            dress(below, inner)


def copy_content(source: int, target: int, size: int) -> int:
    """Copy the next *size* bytes, as cheaply as the file system can; give how many there were."""
    left = size
    # AttributeError: not on macOS. OSError: not on this file system, or it fails below as well.
    with contextlib.suppress(AttributeError, OSError):
        while left and (count := os.copy_file_range(source, target, left)):
            left -= count
    if left:
        left -= _copy_through(source, target, left)
    return size - left


def _copy_through(source: int, target: int, size: int) -> int:
    left = size
    with open(target, "wb", closefd=False) as file:
        while left and (chunk := os.read(source, min(left, CHUNK))):
            left -= file.write(chunk)
    return size - left


def _is_missing(file: File, copies: Mapping[Identity, Copy]) -> bool:
    copy = copies.get(file.identity)
    return copy is None or copy.file != file


def _append(pack: int, folder: int, name: bytes, file: File) -> int:
    """Add the content of a file; give the place where it begins."""
    place = os.lseek(pack, 0, os.SEEK_END)
    with opened(os.open(name, OLD, dir_fd=folder)) as source:
        is_whole = (
            is_still(source, file)
            and copy_content(source, pack, file.size) == file.size
            and is_still(source, file)
        )
    if not is_whole:
        raise OSError(errno.ESTALE, "the file changed while it was copied", os.fsdecode(name))
    return place


def _make_file(pack: int, folder: int, name: bytes, file: File) -> None:
    with opened(os.open(name, NEW, 0o600, dir_fd=folder)) as made:
        if copy_content(pack, made, file.size) != file.size:
            raise OSError(errno.EIO, "the copy of a file is cut short", os.fsdecode(name))
        dress(made, file)
