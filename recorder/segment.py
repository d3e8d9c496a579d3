"""A segment: one journal file that only the process that began it ever writes."""

from __future__ import annotations

import re
from pathlib import Path

from recorder.disk import Disk

_NAME = re.compile(r"(\d{5,})-([0-9a-z]+)\.jsonl", re.ASCII)


def segments(directory: Path) -> list[Path]:
    """The segments in *directory* in the order they were begun."""
    numbered = [
        (int(match[1]), path.name, path)
        for path in directory.iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(numbered)]


class Segment:
    """An open segment; ``size`` is what was written to it, in bytes."""

    def __init__(self, path: Path, descriptor: int, disk: Disk) -> None:
        self.path = path
        self.size = 0
        self._descriptor = descriptor
        self._disk = disk

    @classmethod
    def create(cls, directory: Path, writer: str, disk: Disk) -> Segment:
        """Begin the next segment in *directory*.

        Raises:
            OSError: it can't be made.
        """
        number = _next_number(directory)
        while True:
            path = directory / f"{number:05d}-{writer}.jsonl"
            try:
                descriptor = disk.create(path)
            except FileExistsError:
                number += 1
                continue
            disk.sync_directory(directory)
            return cls(path, descriptor, disk)

    def append(self, content: bytes) -> None:
        """Write all of *content*, however little the disk takes at a time.

        Raises:
            OSError: the disk refused; how much was written is unknown.
        """
        rest = memoryview(content)
        while rest:
            taken = self._disk.write(self._descriptor, rest)
            self.size += taken
            rest = rest[taken:]

    def sync(self) -> None:
        """Return when everything appended is on stable storage.

        Raises:
            OSError: it is not, and never may be: a second try could succeed with the bytes gone.
        """
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Give the file back."""
        self._disk.close(self._descriptor)


def _next_number(directory: Path) -> int:
    existing = segments(directory)
    return int(existing[-1].name.split("-")[0]) + 1 if existing else 0
