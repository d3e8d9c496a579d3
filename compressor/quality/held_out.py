"""The extractor that no strategy may use: facts by how rare they are, not by how they look. Pure.

A fact is a word, or a part of one, that few of the turns before have: whatever it looks like, what
stands in one place only must have been taken from there. Strategies choose what to keep by the look
of words; a measure of the same look would only say that they do what they do.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_SHORTEST, _SHORTEST_NUMBER = 4, 2
RAREST = 3
"""In how many of the turns before a word may stand at most to be a fact."""


@lru_cache(maxsize=4096)
def parts(text: str) -> frozenset[str]:
    """The words of *text* without regard to case, and the numbers of two digits and more."""
    found = {word.casefold() for word in _WORD.findall(text)}
    return frozenset(
        word
        for word in found
        if len(word) >= _SHORTEST or (len(word) >= _SHORTEST_NUMBER and word.isdigit())
    )
