"""Show a part of a text file with its line numbers."""

from __future__ import annotations

from collections.abc import Sequence

LINE_CHARACTERS = 2_000
"""Of longer lines only the beginning is shown."""


def page(lines: Sequence[str], first: int, room: int) -> tuple[str, int]:
    """Number *lines*, of which the first has the number *first*, as far as they fit.

    Gives the page of at most *room* bytes, each line as ``NUMBER|text``, and the number of the line
    after it. One line is shown even where there is no room, or it would be asked for again.
    """
    shown: list[str] = []
    for number, line in enumerate(lines, start=first):
        entry = f"{number}|{_short(line)}"
        room -= len(entry.encode("utf-8", "replace")) + 1
        if room < 0 and shown:
            break
        shown.append(entry)
    return "\n".join(shown), first + len(shown)


def split(text: str) -> list[str]:
    """Split at line feeds alone, without the carriage returns before them."""
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _short(line: str) -> str:
    if len(line) <= LINE_CHARACTERS:
        return line
    return f"{line[:LINE_CHARACTERS]} [... {len(line) - LINE_CHARACTERS} characters cut ...]"
