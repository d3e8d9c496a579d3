"""Replace a piece of a text, and say what would help where it is not found."""

from __future__ import annotations

import re

import msgspec

from hermes_run.tools.paging import page, split

CHARACTERS = 16 * 1024 * 1024
"""The longest text that a replacement may make."""

PLACES_LISTED = 10
LINES_LOOKED_AT = 20_000
CANDIDATES = 20
LINES_SHOWN = 12
HINT_BYTES = 2_000

_WORD = re.compile(r"\w+")


class Replaced(msgspec.Struct, frozen=True):
    """A text with *count* places exchanged, the first of them in the given *lines*."""

    text: str
    count: int
    lines: list[int]


def replace(text: str, old: str, new: str, *, every: bool) -> Replaced | str:
    """Exchange *old* for *new* where it stands once, or wherever it stands if *every*.

    A file with carriage returns keeps them, though models leave them out. A string as result says
    why nothing was exchanged and what to do instead.
    """
    if "\r\n" in text and "\r" not in old + new:
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    if not old:
        return "old_string is empty; a whole file is written with write_file"
    if old == new:
        return "old_string and new_string are the same"
    count = text.count(old)
    if not count:
        return f"old_string was not found. {_nearest(text, old)}"
    lines = _lines(text, old)
    if count > 1 and not every:
        listed = ", ".join(map(str, lines)) + (", ..." if count > len(lines) else "")
        return (
            f"old_string stands {count} times (lines {listed}); "
            "add lines around it until it is the only one, or set replace_all"
        )
    if len(text) + count * (len(new) - len(old)) > CHARACTERS:
        return f"it would grow past {CHARACTERS} characters"
    return Replaced(text.replace(old, new), count, lines)


def _lines(text: str, old: str) -> list[int]:
    """Give the line numbers of the first places where *old* stands."""
    numbers: list[int] = []
    line, before, place = 1, 0, text.find(old)
    while place >= 0 and len(numbers) < PLACES_LISTED:
        line += text.count("\n", before, place)
        numbers.append(line)
        before, place = place, text.find(old, place + len(old))
    return numbers


def _nearest(text: str, old: str) -> str:
    """Show the lines that are most like *old*, if any are."""
    lines = split(text)[:LINES_LOOKED_AT]
    plain, wanted = [_plain(line) for line in lines], [_plain(line) for line in split(old)]
    # Both are compared from the first line that is not blank.
    lead = next((number for number, line in enumerate(wanted) if line), 0)
    alike = [number - lead for number, line in enumerate(plain) if line == wanted[lead] != ""]
    for start in alike[:CANDIDATES]:
        if start >= 0 and plain[start : start + len(wanted)] == wanted:
            return f"These lines differ from it in white space only:\n{_show(lines, start, wanted)}"
    start = alike[0] if alike else _most_alike(plain, wanted[lead], lead)
    if start is None:
        return "Nothing in the file is like it; look at it again with read_file"
    return f"The nearest lines are:\n{_show(lines, start, wanted)}"


def _plain(line: str) -> str:
    """Write a line with single spaces and none around it."""
    return " ".join(line.split())


def _most_alike(lines: list[str], wanted: str, lead: int) -> int | None:
    """Find the line that shares most words with *wanted*, at least half of them."""
    words = set(_WORD.findall(wanted))
    scores = [len(words & set(_WORD.findall(line))) for line in lines]
    best = max(scores, default=0)
    return scores.index(best) - lead if words and best * 2 >= len(words) else None


def _show(lines: list[str], start: int, wanted: list[str]) -> str:
    first = max(start, 0)
    shown = "\n".join(lines[first : first + min(len(wanted), LINES_SHOWN)])
    numbered = page("\n" * first + shown, first + 1, LINES_SHOWN, HINT_BYTES)
    return numbered[0]
