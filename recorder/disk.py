"""The only place that touches a journal file: a seam that fault tests put a failing disk into."""

from __future__ import annotations

import os
from pathlib import Path


class Disk:
    """The real disk; every call is synchronous and meant for a worker thread."""

    def create(self, path: Path) -> int:
        """Make *path*, which must not exist, and give a descriptor that appends to it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some of *content*; gives the number of bytes that were taken."""
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Return when everything written is on stable storage."""
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Make the names in *path* durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make *path* and what leads to it, readable by nobody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
