"""A disk that fails when it is told to: for tests of the record, and of whatever relies on it."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from recorder.disk import Disk

Call: TypeAlias = Literal[
    "create",
    "extend",
    "write",
    "sync",
    "truncate",
    "links",
    "close",
    "rename",
    "remove",
    "sync_directory",
    "make_directory",
]
"""What can be made to fail: the methods of :class:`~recorder.disk.Disk`."""


class Fault(msgspec.Struct):
    """A call fails with ``code`` after ``after`` more calls have gone well, ``times`` times."""

    code: int
    after: int = 0
    times: int = 2**31


class FaultyDisk(Disk):
    """The real disk, until told otherwise; ``calls`` is what it was asked to do, in order.

    ``room`` is how many bytes it still takes before it is full, ``largest`` how large a file may
    become, ``mouthful`` how much it takes at a time; all in bytes, None for no limit.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.room: int | None = None
        self.largest: int | None = None
        self.mouthful: int | None = None
        self._faults: dict[Call, Fault] = {}
        self._gates: dict[Call, tuple[threading.Event, threading.Event]] = {}

    def fail(self, call: Call, code: int, *, after: int = 0, times: int = 2**31) -> None:
        """Let *call* fail with the error number *code*, once *after* calls have gone well."""
        self._faults[call] = Fault(code, after, times)

    def mend(self) -> None:
        """Let everything go well again, and have room without limits."""
        self._faults.clear()
        self.room = self.largest = self.mouthful = None

    @contextmanager
    def hold(self, call: Call) -> Generator[threading.Event]:
        """Let *call* wait until the block ends; gives what is set once somebody waits there."""
        arrived, opened = self._gates[call] = threading.Event(), threading.Event()
        try:
            yield arrived
        finally:
            del self._gates[call]
            opened.set()

    def create(self, path: Path) -> int:
        """Make *path*, unless that is to fail."""
        self._meet("create")
        return super().create(path)

    def extend(self, path: Path) -> int:
        """Open *path*, unless that is to fail."""
        self._meet("extend")
        return super().extend(path)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write what there is room for."""
        self._meet("write")
        most = len(content) if self.mouthful is None else self.mouthful
        if self.largest is not None:
            most = min(most, self._left(self.largest - os.fstat(descriptor).st_size, errno.EFBIG))
        if self.room is not None:
            most = min(most, self._left(self.room, errno.ENOSPC))
        taken = super().write(descriptor, content[:most])
        if self.room is not None:
            self.room -= taken
        return taken

    def sync(self, descriptor: int) -> None:
        """Sync, unless that is to fail."""
        self._meet("sync")
        super().sync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file off, unless that is to fail."""
        self._meet("truncate")
        super().truncate(descriptor, size)

    def links(self, descriptor: int) -> int:
        """Count the names of the file, unless that is to fail."""
        self._meet("links")
        return super().links(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the file; the descriptor is given back also where that fails."""
        super().close(descriptor)
        self._meet("close")

    def rename(self, path: Path, target: Path) -> None:
        """Put *path* in the place of *target*, unless that is to fail."""
        self._meet("rename")
        super().rename(path, target)

    def remove(self, path: Path) -> None:
        """Remove *path*, unless that is to fail."""
        self._meet("remove")
        super().remove(path)

    def sync_directory(self, path: Path) -> None:
        """Sync a directory, unless that is to fail."""
        self._meet("sync_directory")
        super().sync_directory(path)

    def make_directory(self, path: Path) -> None:
        """Make a directory, unless that is to fail."""
        self._meet("make_directory")
        super().make_directory(path)

    def _meet(self, call: Call) -> None:
        """Note *call*, wait where it is held, and fail if it is to."""
        self.calls.append(call)
        if gate := self._gates.get(call):
            arrived, opened = gate
            arrived.set()
            opened.wait()
        fault = self._faults.get(call)
        if fault is None:
            return
        if fault.after > 0:
            fault.after -= 1
        elif fault.times > 0:
            fault.times -= 1
            raise OSError(fault.code, os.strerror(fault.code))

    def _left(self, size: int, code: int) -> int:
        if size <= 0:
            raise OSError(code, os.strerror(code))
        return size
