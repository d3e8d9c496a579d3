"""The facts of turns: paths, numbers, identifiers, names, and which are likely used again. Pure.

On recorded trajectories a fact that the assistant wrote itself is used again twenty times as often
as one that only a result held, one of many turns more often than one of a single turn, and a recent
one more often than an old one. So results are looked at only where they begin and where they end,
and the order of facts goes by these ratios.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

import msgspec

from compressor.trajectory import Piece, Role, Trajectory

Found: TypeAlias = dict[str, "Fact"]

_WORD = re.compile(r"""[^\s"'(){}\[\],;=<>|`\\*]+""")
_FACT = re.compile(r"[0-9_/@]|[^\W\d_]\.[^\W\d_]|[a-z][A-Z]|^[^\W\d_a-z]")
_ENDS = ".:!?-#&$"
_SHORTEST, _LONGEST = 2, 120
_TEXT_CHARS = 24_000
_RESULT_HEAD, _RESULT_TAIL = 1_200, 600
_ASSISTANT, _USER, _RESULT = 1.0, 0.2, 0.06
_HALF_LIFE_TURNS = 12.0
_CHARS_A_TOKEN = 3.0
_PLAIN = frozenset(
    """
    After All Also And Any Are As At Be Because Before But By Can Could Did Do Does Each First For
    From Had Has Have He Hence Here How However If In Is It Its Let Likely May Me Might Must My Next
    No Not Now Of On Once Or Our Please She Should Similarly Since So Starting That The Their Then
    There These They This Those Thus To Use Using Wait Was We What When Where Which While Who Why
    Will With Would Yes You Your /think
    """.split()  # noqa: SIM905  # it is read as words
)


class Fact(msgspec.Struct):
    """A word that may be used again: what its places weigh, in how many turns, and the last."""

    weight: float
    turns: int
    last: int


@lru_cache(maxsize=1024)
def words(text: str) -> tuple[str, ...]:
    """The distinct words of *text* that look like a fact, in their order."""
    once = " ".join(dict.fromkeys(_unescaped(text).split()))
    return tuple(dict.fromkeys(filter(None, map(_fact, _WORD.findall(once)))))


@lru_cache(maxsize=65_536)
def _fact(raw: str) -> str:
    """Give *raw* without what only ends a sentence, or "" where it is a word like any other."""
    if not _FACT.search(raw):
        return ""
    word = raw.strip(_ENDS)
    return word if _SHORTEST <= len(word) <= _LONGEST and word not in _PLAIN else ""


def ranked(trajectory: Trajectory, first: int, last: int) -> list[str]:
    """The facts of turns *first* to *last* that no turn before them holds, most useful first."""
    found: Found = {}
    for index in range(first, last + 1):
        turn = trajectory.turns[index]
        for piece in turn.pieces:
            _note(found, piece, turn.role, index)
    for turn in trajectory.turns[:first]:
        for piece in turn.pieces:
            for word in words(_window(piece)):
                found.pop(word, None)
    return sorted(found, key=lambda word: _cost(word, found[word], last))


def _unescaped(text: str) -> str:
    """Text inside JSON has its line ends written out, glued to the words after them."""
    return text.replace("\\n", " ").replace("\\t", " ") if "\\" in text else text


def _note(found: Found, piece: Piece, role: Role, index: int) -> None:
    weight = _weight(piece, role)
    for word in words(_window(piece)):
        fact = found.get(word)
        if fact is None:
            found[word] = Fact(weight, 1, index)
            continue
        fact.weight = max(fact.weight, weight) + min(fact.weight, weight) / 4
        fact.turns += fact.last != index
        fact.last = index


def _weight(piece: Piece, role: Role) -> float:
    if piece.purpose == "result":
        return _RESULT
    return _ASSISTANT if role == "assistant" else _USER


def _window(piece: Piece) -> str:
    """What is looked at: all of what somebody wrote, the ends of what a tool gave."""
    text = piece.text
    if piece.purpose != "result":
        return text if len(text) <= _TEXT_CHARS else text[:_TEXT_CHARS]
    if len(text) <= _RESULT_HEAD + _RESULT_TAIL:
        return text
    return f"{text[:_RESULT_HEAD]}\n{text[-_RESULT_TAIL:]}"


def _cost(word: str, fact: Fact, last: int) -> float:
    """Tokens a use: the smaller, the better the word is worth its room."""
    recency = 0.25 + 0.5 ** ((last - fact.last) / _HALF_LIFE_TURNS)
    worth = fact.weight * fact.turns * recency
    return (1.0 + len(word) / _CHARS_A_TOKEN) / worth
