"""Show a part of a text file with its line numbers."""

from __future__ import annotations

LINE_CHARACTERS = 2_000
"""Of longer lines only the beginning is shown."""


def page(text: str, offset: int, limit: int, room: int) -> tuple[str, int]:
    """Number lines *offset* to *offset* + *limit* - 1, as far as they fit into *room* bytes.

    Gives the page, each line as ``NUMBER|text``, and the number of the line after it.
    """
    shown: list[str] = []
    for number, line in enumerate(split(text)[offset - 1 : offset - 1 + limit], start=offset):
        entry = f"{number}|{_short(line)}"
        room -= len(entry.encode("utf-8", "replace")) + 1
        if room < 0 and shown:
            break
        shown.append(entry)
    return "\n".join(shown), offset + len(shown)


def split(text: str) -> list[str]:
    """Split at line feeds alone, without the carriage returns before them."""
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def is_binary(content: bytes) -> bool:
    """Tell whether *content* is no text: it has a NUL near its beginning."""
    return b"\0" in content[:8192]


def _short(line: str) -> str:
    if len(line) <= LINE_CHARACTERS:
        return line
    return f"{line[:LINE_CHARACTERS]} [... {len(line) - LINE_CHARACTERS} characters cut ...]"
