"""Remember which names came before, for millions of names in a few megabytes. Pure."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

_SHELVES_BITS = 8
"""A million names are 4,000 on each of so many shelves: to make room there moves some kilobytes."""


class Marks:
    """A set of names, each kept as 64 bits of its SHA-256, in order on one of many flat shelves.

    So a name takes nine bytes, and no name ever waits for all others to be moved. Two different
    names share their 64 bits with a chance of 3e-8 in a million names; the second is then taken for
    one that came before.
    """

    def __init__(self) -> None:
        self._shelves = [array("Q") for _ in range(2**_SHELVES_BITS)]

    def __contains__(self, name: str) -> bool:
        """Whether *name* was added."""
        mark = mark_of(name)
        shelf = self._shelves[mark >> (64 - _SHELVES_BITS)]
        place = bisect_left(shelf, mark)
        return place < len(shelf) and shelf[place] == mark

    def add(self, name: str) -> bool:
        """Add *name*; gives whether it is new."""
        mark = mark_of(name)
        shelf = self._shelves[mark >> (64 - _SHELVES_BITS)]
        place = bisect_left(shelf, mark)
        if place < len(shelf) and shelf[place] == mark:
            return False
        shelf.insert(place, mark)
        return True


def mark_of(name: str) -> int:
    """Give the 64 bits that stand for *name*."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")
