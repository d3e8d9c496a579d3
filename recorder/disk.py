"""The only place that touches a file of the record: a seam that fault tests put a bad disk into."""

from __future__ import annotations

import errno
import os
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk says that takes nothing now, and may again when somebody makes room."""

_UNSUPPORTED = (errno.EBADF, errno.EINVAL)


class Disk:
    """The real disk; every call blocks and is meant for a worker thread. All raise ``OSError``."""

    def create(self, path: Path) -> int:
        """Make *path*, which must not exist, and give a descriptor that appends to it."""
        return self._open(path, os.O_EXCL)

    def extend(self, path: Path) -> int:
        """Give a descriptor that appends to *path*, which is made where it is missing."""
        return self._open(path, 0)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some of *content*; gives the number of bytes that were taken."""
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Return when everything written is on stable storage."""
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file off after *size* bytes."""
        os.ftruncate(descriptor, size)

    def links(self, descriptor: int) -> int:
        """The number of names the file has; 0 once it was removed."""
        return os.fstat(descriptor).st_nlink

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def rename(self, path: Path, target: Path) -> None:
        """Put *path* in the place of *target*."""
        path.replace(target)

    def remove(self, path: Path) -> None:
        """Remove *path*, if it is there."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Make the names in *path* durable, where the file system has such a thing."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sync_names(descriptor)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        finally:
            os.close(descriptor)

    def make_directory(self, path: Path) -> None:
        """Make *path* and what leads to it, durably, readable by nobody else."""
        missing = [one for one in (path, *path.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
            self.sync_directory(one.parent)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))

    def _sync_names(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _open(self, path: Path, how: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(path, flags | how, 0o600)


def write_all(disk: Disk, descriptor: int, content: bytes | memoryview) -> None:
    """Write all of *content*, however little the disk takes at a time.

    Raises:
        OSError: the disk refused; how much was written is unknown.
    """
    rest = memoryview(content)
    while rest:
        taken = disk.write(descriptor, rest)
        if taken <= 0:
            raise OSError(errno.EIO, "the disk takes nothing and does not say why")
        rest = rest[taken:]
