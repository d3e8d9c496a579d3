"""Read patches in the V4A form: between ``*** Begin Patch`` and ``*** End Patch``, files by name.

Source of the format: the instructions of the ``apply_patch`` tool in the cookbook of OpenAI's
models, https://cookbook.openai.com/examples/gpt4-1_prompting_guide.
"""

from __future__ import annotations

import re

import msgspec

from hermes_run.tools.diffs.hunks import BadPatch, FilePatch, Hunk
from hermes_run.tools.diffs.unified import parse_body, parse_hunks, split_patch

_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File: *(.*?)\s*")
_ANY = re.compile(r"^\*\*\* (?:Begin Patch|(?:Add|Update|Delete) File: )", re.MULTILINE)
_MOVE = re.compile(r"\*\*\* Move(?: to| File To)?: *(.*?)\s*")
_NUMBERED = re.compile(r"@@ *-\d")
_END = "*** End of File"

_Read = tuple[FilePatch | BadPatch, int]


def is_v4a(text: str) -> bool:
    """Tell whether a patch is in this form; in others such a line has a mark before it."""
    return _ANY.search(text) is not None


def parse_v4a(text: str) -> tuple[FilePatch, ...] | BadPatch:
    """Read a patch of any number of files; what stands around it is left out."""
    lines = [line.removesuffix("\r") for line in split_patch(text)]
    files: list[FilePatch] = []
    number = 0
    while number < len(lines) and lines[number].rstrip() != "*** End Patch":
        found = _FILE.fullmatch(lines[number])
        number += 1
        if found is None:
            continue
        if not found[2]:
            return BadPatch(f"line {number} of the patch names no file")
        end = _end(lines, number)
        one = _file(found[1], found[2], lines[number:end], number)
        if isinstance(one, BadPatch):
            return one
        files.append(one)
        number = end
    return tuple(files) or BadPatch(
        "it has no `*** Update File: PATH`, `Add File` or `Delete File`"
    )


def _end(lines: list[str], number: int) -> int:
    while number < len(lines) and not _FILE.fullmatch(lines[number]):
        if lines[number].rstrip() == "*** End Patch":
            break
        number += 1
    return number


def _file(verb: str, path: str, lines: list[str], number: int) -> FilePatch | BadPatch:
    """Make one file's patch of its *lines*, which begin after line *number*."""
    if verb == "Delete":
        return FilePatch("delete", path)
    if verb == "Add":
        return _added(path, lines, number)
    moved = _MOVE.fullmatch(lines[0]) if lines else None
    skipped = 1 if moved else 0
    # Some write the header of a unified diff below the name as well.
    if "".join(line[:4] for line in lines[skipped : skipped + 2]) == "--- +++ ":
        skipped += 2
    hunks, notes = _hunks(lines[skipped:], number + skipped)
    if not hunks and not moved:
        return BadPatch(f"line {number} of the patch: no hunk follows for {path}")
    kind = "move" if moved else "update"
    return FilePatch(kind, path, hunks, to=moved[1] if moved else None, notes=notes)


def _added(path: str, lines: list[str], number: int) -> FilePatch | BadPatch:
    while lines and not lines[-1]:
        lines = lines[:-1]
    wrong = next((place for place, line in enumerate(lines, 1) if line[:1] not in {"+", ""}), None)
    if wrong:
        return BadPatch(
            f"line {number + wrong} of the patch: each line of a new file begins with `+`"
        )
    hunk = Hunk(tuple(("+", line[1:]) for line in lines), number + 1)
    return FilePatch("add", path, (hunk,))


def _hunks(lines: list[str], number: int) -> tuple[tuple[Hunk, ...], tuple[str, ...]]:
    """Read the hunks of an updated file."""
    if any(_NUMBERED.match(line) for line in lines):
        hunks, notes, _ = parse_hunks([*[""] * number, *lines], number)
        return hunks, notes
    found: list[Hunk] = []
    said: list[str] = []
    place = 0
    while place < len(lines):
        first = place
        anchors: list[str] = []
        while place < len(lines) and lines[place].startswith("@@"):
            anchors.append(lines[place].strip(" \t@"))
            place += 1
        body = place
        while place < len(lines) and not lines[place].startswith("@@"):
            place += 1
        hunk = Hunk((), number + first + 1, anchors=tuple(a for a in anchors if a.strip(". ")))
        filled, unmarked = _filled(lines[body:place], hunk)
        found += [filled] if filled.lines else []
        if unmarked is not None:
            said.append(
                f"line {number + body + unmarked + 1} of the patch has no mark; "
                "it was taken as one to keep"
            )
    return tuple(found), tuple(said)


def _filled(lines: list[str], hunk: Hunk) -> tuple[Hunk, int | None]:
    at_end = any(line.rstrip() == _END for line in lines)
    body = [line for line in lines if line.rstrip() != _END]
    while body and not body[-1]:
        body.pop()
    filled, unmarked = parse_body(body, hunk)
    return msgspec.structs.replace(filled, at_end=at_end), unmarked
