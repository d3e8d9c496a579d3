"""What a folder holds, as a value: surveyed by descriptors, following no link.

Files, folders and symbolic links count; sockets, FIFOs and devices do not. The content of a file
is not part of the value, only what tells one content from another. Neither are owners, extended
attributes and the set-uid and set-gid bits, and two names of one file count as two files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from hermes_run.sandboxes.workspaces import opened

DEPTH = 64
"""Folders in folders that are gone into: a descriptor is held for each."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How to open a folder."""

Identity: TypeAlias = tuple[int, int]
"""Which file it is, under whatever name: its device and its inode."""

_KEPT_BITS = 0o1777


class Bounds(msgspec.Struct, frozen=True):
    """The largest tree: files, folders and links in it, and bytes in all its files."""

    files: int = 2_000
    bytes: int = 64 * 1024 * 1024


class File(msgspec.Struct, frozen=True, array_like=True):
    """A regular file; whoever writes to it changes its ``ctime_ns``, and nobody can set that."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int

    @property
    def identity(self) -> Identity:
        """Which file it is."""
        return self.device, self.inode


class Link(msgspec.Struct, frozen=True, array_like=True):
    """A symbolic link."""

    target: bytes
    mtime_ns: int


class Folder(msgspec.Struct, frozen=True, array_like=True):
    """A folder and all that is in it, by name; names are bytes, as the system has them."""

    mode: int
    mtime_ns: int
    files: dict[bytes, File] = {}
    links: dict[bytes, Link] = {}
    folders: dict[bytes, Folder] = {}


def survey(folder: int, bounds: Bounds) -> Folder:
    """List what is in the folder of descriptor *folder*.

    Raises:
        OSError: something can't be listed, is gone meanwhile, is beyond *bounds* or
            :data:`DEPTH`, or another file system is mounted there.
    """
    return _survey(folder, bounds, DEPTH)[0]


def files(tree: Folder) -> Iterator[File]:
    """Give every file in *tree*."""
    yield from tree.files.values()
    for folder in tree.folders.values():
        yield from files(folder)


def is_still(descriptor: int, file: File) -> bool:
    """Tell whether an open file is *file*, and unchanged."""
    return _file(os.fstat(descriptor)) == file


def dress(descriptor: int, entry: File | Folder) -> None:
    """Give an open file or folder the mode and the time of change of *entry*."""
    os.fchmod(descriptor, entry.mode & _KEPT_BITS)
    os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))


def _survey(descriptor: int, room: Bounds, depth: int) -> tuple[Folder, Bounds]:
    """List a folder; give also how much room is left after it."""
    here = os.fstat(descriptor)
    tree = Folder(here.st_mode, here.st_mtime_ns)
    inner: list[bytes] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            status = entry.stat(follow_symlinks=False)
            room = _less(room, status)
            if stat.S_ISREG(status.st_mode):
                tree.files[name] = _file(status)
            elif stat.S_ISLNK(status.st_mode):
                target = os.fsencode(os.readlink(name, dir_fd=descriptor))
                tree.links[name] = Link(target, status.st_mtime_ns)
            elif stat.S_ISDIR(status.st_mode):
                inner.append(name)
    for name in inner:
        with opened(os.open(name, FOLDER, dir_fd=descriptor)) as below:
            _check_inner(below, here.st_dev, depth)
            tree.folders[name], room = _survey(below, room, depth - 1)
    return tree, room


def _less(room: Bounds, status: os.stat_result) -> Bounds:
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    left = Bounds(room.files - 1, room.bytes - size)
    if left.files < 0 or left.bytes < 0:
        raise OSError(errno.EFBIG, "the tree is too large to be copied at every step")
    return left


def _check_inner(descriptor: int, device: int, depth: int) -> None:
    if not depth:
        raise OSError(errno.EFBIG, "the tree is too deep")
    if os.fstat(descriptor).st_dev != device:
        raise OSError(errno.EXDEV, "another file system is mounted in the tree")


def _file(status: os.stat_result) -> File:
    return File(
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_dev,
        status.st_ino,
    )
