"""A text as rows, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hermes_run.tools.diffs.hunks import Edit


class Rows(msgspec.Struct, frozen=True):
    """The lines of a text without their line feeds; *closed* says that the last one has its own.

    ``end`` is what stands before the line feeds: a carriage return where most lines have one.
    """

    lines: tuple[str, ...]
    closed: bool
    end: str = ""


def split_rows(text: str) -> Rows:
    """Split at line feeds alone."""
    lines = text.split("\n")
    closed = not lines[-1]
    lines = lines[:-1] if closed else lines
    returns = sum(line.endswith("\r") for line in lines)
    return Rows(tuple(lines), closed, "\r" if returns * 2 > len(lines) else "")


def joined(lines: Sequence[str], *, closed: bool) -> str:
    """Write lines as a text; no lines are an empty text."""
    return "\n".join(lines) + ("\n" if closed and lines else "")


def edited(lines: Sequence[str], edits: Iterable[Edit]) -> list[str]:
    """Put the edits, which are in order and do not overlap, into *lines*."""
    made: list[str] = []
    done = 0
    for edit in edits:
        made += [*lines[done : edit.start], *edit.lines]
        done = edit.end
    return [*made, *lines[done:]]
