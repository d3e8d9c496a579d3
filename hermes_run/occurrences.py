"""Count how often a key came before, for millions of keys in a few megabytes. Pure."""

from __future__ import annotations

import hashlib
from array import array

_SLOTS = 1024


class Occurrences:
    """How often each key was seen; a key is kept as 64 bits of its SHA-256, in one flat array.

    Two different keys share their 64 bits with a chance of 3e-8 in a million keys; they would then
    be numbered as if they were equal, which is still unique.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _SLOTS))
        self._used = 0
        self._repeated: dict[int, int] = {}

    def count(self, key: str) -> int:
        """Count *key* once more; gives 1 for the first time."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        mark = int.from_bytes(digest[:8], "big") or 1
        slot = self._find(mark)
        if self._slots[slot] == mark:
            self._repeated[mark] = self._repeated.get(mark, 1) + 1
            return self._repeated[mark]
        self._slots[slot] = mark
        self._used += 1
        if self._used * 3 > len(self._slots) * 2:
            self._grow()
        return 1

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
