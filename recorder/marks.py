"""Remember which names came before, for millions of names in a few megabytes. Pure."""

from __future__ import annotations

import hashlib
from array import array

_SLOTS = 1024


class Marks:
    """A set of names, each kept as 64 bits of its SHA-256, in one flat array.

    Two different names share their 64 bits with a chance of 3e-8 in a million names; the second is
    then taken for one that came before.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _SLOTS))
        self._used = 0

    def __contains__(self, name: str) -> bool:
        """Whether *name* was added."""
        return self._slots[self._find(mark_of(name))] != 0

    def add(self, name: str) -> bool:
        """Add *name*; gives whether it is new."""
        mark = mark_of(name)
        slot = self._find(mark)
        if self._slots[slot]:
            return False
        self._slots[slot] = mark
        self._used += 1
        if self._used * 3 > len(self._slots) * 2:
            self._grow()
        return True

    def _find(self, mark: int) -> int:
        """Where *mark* is, or the empty slot where it belongs (linear probing)."""
        size = len(self._slots)
        slot = mark % size
        while self._slots[slot] not in (0, mark):
            slot = (slot + 1) % size
        return slot

    def _grow(self) -> None:
        marks = [mark for mark in self._slots if mark]
        self._slots = array("Q", bytes(16 * len(self._slots)))
        for mark in marks:
            self._slots[self._find(mark)] = mark


def mark_of(name: str) -> int:
    """Give the 64 bits that stand for *name*; they are never all zero."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") or 1
