"""A segment: one journal file that only the process that began it ever writes."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from pathlib import Path

from recorder.disk import Disk, write_all

_NAME = re.compile(r"(\d{5,})-([0-9a-z]+)\.jsonl", re.ASCII)


def segments(directory: Path) -> list[Path]:
    """The segments in *directory* in the order they were begun.

    Raises:
        OSError: *directory* can't be read.
    """
    numbered = [
        (int(match[1]), path.name, path)
        for path in directory.iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(numbered)]


class Segment:
    """An open segment; ``size`` is what was written to it, in bytes.

    ``descriptor`` is closed where this raises, as it does where the file can't be looked at.
    """

    def __init__(self, path: Path, descriptor: int, disk: Disk) -> None:
        self.path = path
        self.size = 0
        self._descriptor = descriptor
        self._disk = disk
        try:
            # A file system that counts no names can't show that the file is gone.
            self._counted = disk.links(descriptor) > 0
        except OSError:
            with suppress(OSError):
                disk.close(descriptor)
            raise

    @classmethod
    def create(cls, directory: Path, writer: str, disk: Disk, least: int = 0) -> Segment:
        """Begin the next segment in *directory*, with a number that is not below *least*.

        Raises:
            OSError: it can't be made.
        """
        number = max(_next_number(directory), least)
        while True:
            path = directory / f"{number:05d}-{writer}.jsonl"
            try:
                descriptor = disk.create(path)
            except FileExistsError:
                number += 1
            else:
                return cls(path, descriptor, disk)

    @property
    def number(self) -> int:
        """Its place among the segments."""
        return _number(self.path)

    def append(self, content: bytes | memoryview) -> None:
        """Write all of *content*.

        Raises:
            OSError: the disk refused; how much was written is unknown.
        """
        write_all(self._disk, self._descriptor, content)
        self.size += len(content)

    def sync(self) -> None:
        """Return when everything appended is on stable storage.

        Raises:
            OSError: it is not, and never may be: a second try could succeed with the bytes gone.
        """
        self._disk.sync(self._descriptor)

    def check_place(self) -> None:
        """See that the file still has a name: one that was removed still takes every byte.

        Raises:
            OSError: it has none.
        """
        if self._counted and not self._disk.links(self._descriptor):
            raise FileNotFoundError(errno.ENOENT, "the segment was removed", str(self.path))

    def close(self) -> None:
        """Give the file back.

        Raises:
            OSError: what was not synced may be lost.
        """
        self._disk.close(self._descriptor)


def _next_number(directory: Path) -> int:
    existing = segments(directory)
    return _number(existing[-1]) + 1 if existing else 0


def _number(path: Path) -> int:
    return int(path.name.split("-")[0])
