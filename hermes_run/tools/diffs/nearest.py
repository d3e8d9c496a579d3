"""Show the lines that are most like some that were not found, and what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

LINES_LOOKED_AT = 20_000
WANTED_LOOKED_AT = 500
PLACES_OF_A_LINE = 20
LINES_SHOWN = 12
CHARACTERS_SHOWN = 160

_WORD = re.compile(r"\w+")
_NOTHING = "Nothing in the file is like it; look at it again with read_file"


def nearest(rows: Sequence[str], wanted: Sequence[str]) -> str:
    """Write the nearest lines with their numbers, and the first line that differs."""
    whole = len(wanted) <= WANTED_LOOKED_AT
    rows, wanted = rows[:LINES_LOOKED_AT], wanted[:WANTED_LOOKED_AT]
    there, here = [_plain(row) for row in rows], [_plain(line) for line in wanted]
    start = _voted(there, here)
    if start is None:
        start = _most_alike(there, here)
    if start is None:
        return _NOTHING
    same = whole and all(there[start + k : start + k + 1] == [line] for k, line in enumerate(here))
    head = "These lines differ from it in white space only" if same else "The nearest lines are"
    first = max(start, 0)
    last = min(start + len(wanted), first + LINES_SHOWN)
    shown = [f"{number}|{_short(row)}" for number, row in enumerate(rows[first:last], first + 1)]
    return "\n".join([f"{head}:", *shown, *_difference(rows, wanted, start)])


def _difference(rows: Sequence[str], wanted: Sequence[str], start: int) -> list[str]:
    """Point at the first line that is not the same."""
    for number, line in enumerate(wanted, start):
        row = rows[number] if 0 <= number < len(rows) else None
        if row is None:
            edge = "begins after" if number < 0 else "ends before"
            return [f"The file {edge} {_quoted(line)}"]
        if row != line:
            there, here = _quoted(row), _quoted(line)
            return [f"Line {number + 1} differs: the file has {there}, looked for was {here}"]
    return []


def _voted(there: list[str], here: list[str]) -> int | None:
    """Find the start at which most lines are the same; blank ones do not count."""
    wanted = {line for line in here if line}
    places: dict[str, list[int]] = {}
    for number, line in enumerate(there):
        if line in wanted and len(places.setdefault(line, [])) < PLACES_OF_A_LINE:
            places[line].append(number)
    votes = Counter(
        number - lead for lead, line in enumerate(here) for number in places.get(line, ())
    )
    best = max(votes.values(), default=0)
    starts = [start for start, count in votes.items() if count == best and start >= 0]
    return min(starts or votes, default=None)


def _most_alike(there: list[str], here: list[str]) -> int | None:
    """Find the line that shares most words with the first one that has any, at least half."""
    lead = next((number for number, line in enumerate(here) if line), 0)
    words = set(_WORD.findall(here[lead])) if here else set[str]()
    scores = [len(words & set(_WORD.findall(line))) for line in there]
    best = max(scores, default=0)
    return scores.index(best) - lead if words and best * 2 >= len(words) else None


def _plain(line: str) -> str:
    """Write a line with single spaces and none around it."""
    return " ".join(line.split())


def _short(line: str) -> str:
    return line if len(line) <= CHARACTERS_SHOWN else f"{line[:CHARACTERS_SHOWN]}..."


def _quoted(line: str) -> str:
    return repr(_short(line))
