"""Give every row a key of its own, flat in memory. Pure."""

from __future__ import annotations

from recorder.marks import Marks, mark_of


class Occurrences:
    """Tells equal keys apart by how often they came; no two rows get the same key.

    What is remembered of a key is 64 bits (see :class:`~recorder.marks.Marks`). Two keys that share
    them are numbered as if they were equal, which still makes keys that differ.
    """

    def __init__(self) -> None:
        self._given = Marks()
        self._repeated: dict[int, int] = {}

    def tell_apart(self, key: str) -> str:
        """Give *key* the first time, then ``key#2``, ``key#3`` ..., passing over what was given.

        Rows whose keys differ get the same in any order, unless one is called ``x#2`` by its own
        id where there is more than one ``x``.
        """
        given, number = key, self._repeated.get(mark_of(key), 1)
        while not self._given.add(given):
            number += 1
            given = f"{key}#{number}"
        if number > 1:
            self._repeated[mark_of(key)] = number
        return given
