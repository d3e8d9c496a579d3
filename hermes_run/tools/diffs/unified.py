"""Read unified diffs, as ``diff -u`` and git write them, and as models do.

Models count badly: where the counts in a hunk's header are wrong, the hunk goes on to whatever
cannot belong to it. They forget file headers, the numbers of a hunk, the space before an empty
line or before any line that stays. All that is understood; what it means for the file is checked
against the file.

Format: https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html
"""

from __future__ import annotations

import re
from typing import cast

import msgspec

from hermes_run.tools.diffs.hunks import BadPatch, FilePatch, Hunk, Mark
from hermes_run.tools.diffs.names import git_names, header_path, plain_names

_HEADER = re.compile(
    r"@@(?:\s*-(?P<old>\d{1,9})(?:,(?P<olds>\d{1,9}))?"
    r"\s+\+\d{1,9}(?:,(?P<news>\d{1,9}))?)?\s*(?:@@)?(?P<rest>.*)"
)
_BINARY = ("Binary files ", "GIT binary patch")
_LIMITS = ("diff --git ", "Index: ", "```", "*** End Patch")


def parse_unified(text: str, path: str | None = None) -> tuple[FilePatch, ...] | BadPatch:
    """Read a diff of any number of files; hunks without a file are those of *path*."""
    lines = split_patch(text)
    files: list[FilePatch] = []
    number = 0
    while number < len(lines):
        if not (_is_pair(lines, number) or lines[number].startswith(("@@", "diff --git "))):
            number += 1
            continue
        named, number = _named(lines, number, path)
        if isinstance(named, BadPatch):
            return named
        hunks, notes, number = parse_hunks(lines, number)
        files.append(msgspec.structs.replace(named, hunks=hunks, notes=named.notes + notes))
    return tuple(files) or BadPatch(
        "it has no hunk; a unified diff has lines `--- a/FILE`, `+++ b/FILE` and `@@`"
    )


def split_patch(text: str) -> list[str]:
    """Split at line feeds; no empty line stands after the last."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def parse_hunks(lines: list[str], number: int) -> tuple[tuple[Hunk, ...], tuple[str, ...], int]:
    """Read the hunks from line *number* on; gives also notes, and the line they end at."""
    hunks: list[Hunk] = []
    notes: list[str] = []
    while number < len(lines):
        if lines[number].startswith("@@"):
            hunk, number, note = _hunk(lines, number)
            hunks.append(hunk)
            notes += [note] if note else []
        elif _is_limit(lines, number):
            break
        else:
            number += 1
    return tuple(hunks), tuple(notes), number


def parse_body(lines: list[str], hunk: Hunk) -> tuple[Hunk, int | None]:
    """Fill *hunk* with its lines; gives also the place of the first that has no mark."""
    body: list[tuple[Mark, str]] = []
    unmarked: int | None = None
    opened: set[Mark] = set()
    for place, line in enumerate(lines):
        if line.startswith("\\"):
            last = body[-1][0] if body else " "
            opened |= {"-", "+"} if last == " " else {last}
        elif line[:1] in {" ", "-", "+"}:
            body.append((cast("Mark", line[0]), line[1:]))
        else:
            body.append((" ", line))
            unmarked = place if line.strip() and unmarked is None else unmarked
    filled = msgspec.structs.replace(
        hunk, lines=tuple(body), open_old="-" in opened, open_new="+" in opened
    )
    return filled, unmarked


def _named(lines: list[str], number: int, path: str | None) -> tuple[FilePatch | BadPatch, int]:
    """Read what stands before the first hunk of a file."""
    if lines[number].startswith("@@"):
        return _unnamed(number, path), number
    facts: dict[str, str] = {}
    first = number
    while number < len(lines) and not _is_pair(lines, number):
        line = lines[number].rstrip("\r")
        if number > first and line.startswith(("@@", "diff --git ")):
            break
        if line.startswith(_BINARY):
            return BadPatch(f"line {number + 1} of the patch is binary; use a command"), number
        if line.startswith("copy from "):
            return BadPatch(f"line {number + 1}: copies are not made; use `cp`"), number
        facts |= header_path(line)
        number += 1
    if number < len(lines) and _is_pair(lines, number):
        return plain_names(lines[number], lines[number + 1], facts, number + 1), number + 2
    return git_names(lines[first].rstrip("\r"), facts, first + 1), number


def _unnamed(number: int, path: str | None) -> FilePatch | BadPatch:
    if path:
        return FilePatch("update", path)
    return BadPatch(
        f"the hunk at line {number + 1} of the patch names no file; put `--- a/FILE` and "
        "`+++ b/FILE` before it, or give path"
    )


def _hunk(lines: list[str], number: int) -> tuple[Hunk, int, str]:
    """Read the hunk whose header is line *number*; gives also where it ends, and a note."""
    found = _HEADER.match(lines[number].rstrip("\r"))
    given = found.groupdict() if found else {}
    first, start, end, note = number + 1, None, None, ""
    if given.get("old"):
        olds, news = int(given["olds"] or 1), int(given["news"] or 1)
        start = max(int(given["old"]) - (1 if olds else 0), 0)
        end = _counted(lines, first, olds, news)
        note = "" if end else f"line {number + 1} of the patch counts wrong"
    rest = (given.get("rest") or "").strip(" \t@")
    anchors = () if given.get("old") or not rest.strip(". ") else (rest,)
    end = _uncounted(lines, first) if end is None else end
    hunk, unmarked = parse_body(lines[first:end], Hunk((), number + 1, start, anchors))
    if unmarked is not None:
        note = f"line {first + unmarked + 1} of the patch has no mark; it was taken as one to keep"
    return hunk, end, note


def _counted(lines: list[str], number: int, olds: int, news: int) -> int | None:
    """Give the end of a hunk with so many lines of the old and the new file, if it has them."""
    while olds > 0 or news > 0:
        mark = lines[number][:1] if number < len(lines) else "@"
        if mark not in {"", " ", "-", "+", "\\", "\r"}:
            return None
        olds -= mark not in {"+", "\\"}
        news -= mark not in {"-", "\\"}
        number += 1
    while number < len(lines) and lines[number].startswith("\\"):
        number += 1
    goes_on = number < len(lines) and lines[number][:1] in {" ", "-", "+"}
    signature = goes_on and lines[number].rstrip() == "--"
    if olds or news or (goes_on and not signature and not _is_pair(lines, number)):
        return None
    return number


def _uncounted(lines: list[str], number: int) -> int:
    """Give the end of a hunk that does not say its size."""
    first = number
    while number < len(lines) and not (lines[number][:2] == "@@" or _is_limit(lines, number)):
        number += 1
    while number > first and not lines[number - 1].rstrip("\r"):
        number -= 1
    return number


def _is_limit(lines: list[str], number: int) -> bool:
    """Tell whether the hunks of a file are over at line *number*."""
    return lines[number].startswith(_LIMITS) or _is_pair(lines, number)


def _is_pair(lines: list[str], number: int) -> bool:
    following = lines[number + 1] if number + 1 < len(lines) else ""
    return lines[number].startswith("--- ") and following.startswith("+++ ")
