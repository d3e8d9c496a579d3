"""Open files beneath a folder, never outside it, whatever is renamed or linked meanwhile.

A path is walked one component at a time from the descriptor of the folder before it, and the
kernel is never left to follow a link: a link's target is read and walked the same way. ``..`` goes
back along the descriptors that were opened, so that a folder moved away while it is walked leads
nowhere else. This is what ``openat2`` with ``RESOLVE_BENEATH`` does where it exists.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator

import msgspec

LINKS = 40
"""Links followed in one path before it counts as a circle, as in Linux."""

PATH_BYTES, PATH_PARTS = 4096, 64
"""The longest path, and the deepest: a descriptor is held for each folder on the way."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the mere opening of a FIFO waits for its other end for ever.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Root(msgspec.Struct, frozen=True):
    """A folder by its path, free of links, and by a descriptor that is held open on it.

    Absolute paths and links may also lead into the *others*. New files and folders are handed over
    to the user and group *owner*.
    """

    path: str
    descriptor: int
    others: tuple[Root, ...] = ()
    owner: int | None = None


def read_beneath(root: Root, path: str, limit: int) -> bytes:
    """Read the first *limit* bytes of a regular file."""
    with _walked(root, path, make=False) as walk:
        descriptor = _open_regular(walk, path, os.O_RDONLY)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, no path
        return file.read(limit)


def write_beneath(root: Root, path: str, content: bytes) -> None:
    """Write a regular file, making it and the folders above it where they are missing."""
    with _walked(root, path, make=True) as walk:
        descriptor = _open_to_write(walk, path)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
        file.truncate()
        file.write(content)


def folder_beneath(root: Root, path: str) -> str:
    """Give the real path of a folder."""
    with _walked(root, path, make=False) as walk:
        os.close(os.open(walk.name, _FOLDER, dir_fd=walk.here))
        return os.path.join(walk.root.path, *walk.names, walk.name)  # noqa: PTH118 - `..` is gone


class _Walk:
    """The way from the root to a path's last component: its folders, held open, and their names."""

    def __init__(self, root: Root, path: str) -> None:
        self.root = root
        self.roots = (root, *root.others)
        self.path = path
        self.pending: list[str] = []
        self.names: list[str] = []
        self.name = "."
        self._folders: list[int] = []
        self._links = 0
        self._add(path)

    @property
    def here(self) -> int:
        """The descriptor of the folder that was reached."""
        return self._folders[-1] if self._folders else self.root.descriptor

    def go(self, *, make: bool) -> None:
        """Walk until only the last component is left, making folders if asked to."""
        while self.pending:
            name = self.pending.pop()
            if name == "..":
                self._back()
            elif (target := _target(self.here, name)) is not None:
                self._follow(target)
            elif self.pending:
                self._enter(name, make=make)
            else:
                self.name = name

    def close(self) -> None:
        """Let go of every folder on the way."""
        while self._folders:
            os.close(self._folders.pop())
        self.names.clear()

    def _add(self, path: str) -> None:
        if path.startswith("/"):
            self.close()
            path = self._inside(path)
        self.pending += [name for name in reversed(path.split("/")) if name not in {"", "."}]
        # Each that is walked later takes one from here to there.
        if len(self._folders) + len(self.pending) > PATH_PARTS:
            text = f"the path has more than {PATH_PARTS} parts, those of links included"
            raise OSError(errno.ENAMETOOLONG, text, self.path[:80])

    def _inside(self, path: str) -> str:
        holding = [root for root in self.roots if _lies_in(root, path)]
        if not holding:
            raise self._outside()
        self.root = max(holding, key=lambda root: len(root.path))
        return path[len(self.root.path) :]

    def _back(self) -> None:
        if not self._folders:
            raise self._outside()
        os.close(self._folders.pop())
        self.names.pop()

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > LINKS:
            raise OSError(errno.ELOOP, "the links of this path go round in a circle", self.path)
        self._add(target)

    def _enter(self, name: str, *, make: bool) -> None:
        made = make and _make_folder(self.here, name)
        self._folders.append(os.open(name, _FOLDER, dir_fd=self.here))
        self.names.append(name)
        if made:
            _hand_over(self.here, self.root.owner)

    def _outside(self) -> OSError:
        return PermissionError(errno.EACCES, "the path leads out of the workspace", self.path)


@contextlib.contextmanager
def _walked(root: Root, path: str, *, make: bool) -> Generator[_Walk]:
    _check(path)
    walk = _Walk(root, path)
    try:
        walk.go(make=make)
        yield walk
    finally:
        walk.close()


def _check(path: str) -> None:
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise OSError(errno.EINVAL, "a path can't hold half a character", ascii(path)) from None
    if "\0" in path:
        raise OSError(errno.EINVAL, "a path can't hold a NUL character", path)
    if size > PATH_BYTES:
        raise OSError(errno.ENAMETOOLONG, "the path is too long", path[:80])


def _target(folder: int, name: str) -> str | None:
    """Give what a link points to, or nothing where there is no link."""
    try:
        return os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _lies_in(root: Root, path: str) -> bool:
    return path == root.path or path.startswith(root.path.rstrip("/") + "/")


def _make_folder(parent: int, name: str) -> bool:
    """Make a folder; tell whether it was not there before."""
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _hand_over(descriptor: int, owner: int | None) -> None:
    """Give what was just made to its owner.

    It is known to be ours or its owner's: nobody can move anything else to where it was made.
    """
    if owner is not None:
        os.fchown(descriptor, owner, owner)


def _open_to_write(walk: _Walk, path: str) -> int:
    """Open a regular file, which is made and handed over where it is missing."""
    try:
        descriptor = _open_regular(walk, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return _open_regular(walk, path, os.O_WRONLY | os.O_CREAT)
    _hand_over(descriptor, walk.root.owner)
    return descriptor


def _open_regular(walk: _Walk, path: str, flags: int) -> int:
    descriptor = os.open(walk.name, flags | _FILE, 0o666, dir_fd=walk.here)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "this is a folder", path)
    raise OSError(errno.EINVAL, "this is no regular file", path)
