"""Replace a piece of a text, and say what would help where it is not found."""

from __future__ import annotations

import msgspec

from hermes_run.tools.diffs.hunks import Edit
from hermes_run.tools.diffs.nearest import nearest
from hermes_run.tools.diffs.placing import Place, find_lines, shifted
from hermes_run.tools.diffs.rows import edited, joined, split_rows

CHARACTERS = 16 * 1024 * 1024
"""The longest text that a replacement may make."""

PLACES_LISTED = 10
EDITS = 5_000
"""Of more places the change is not shown."""


class Replaced(msgspec.Struct, frozen=True):
    """A text with *count* places exchanged, the first of them in the given *lines*.

    *edits* are the changes of its lines, *note* says what was taken for the same.
    """

    text: str
    count: int
    lines: list[int]
    edits: tuple[Edit, ...] = ()
    note: str = ""


def replace(text: str, old: str, new: str, *, every: bool) -> Replaced | str:
    """Exchange *old* for *new* where it stands once, or wherever it stands if *every*.

    A file with carriage returns keeps them, though models leave them out. Whole lines are also
    found where only their white space differs, if there is one such place and it is certain how to
    write the new ones. A string as result says why nothing was exchanged and what to do instead.
    """
    if "\r\n" in text and "\r" not in old + new:
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    if not old:
        return "old_string is empty; a whole file is written with write_file"
    if old == new:
        return "old_string and new_string are the same"
    count = text.count(old)
    if not count:
        return _nearly(text, old, new)
    places = _places(text, old)
    lines = [line + 1 for line, _ in places[:PLACES_LISTED]]
    if count > 1 and not every:
        listed = ", ".join(map(str, lines)) + (", ..." if count > len(lines) else "")
        return (
            f"old_string stands {count} times (lines {listed}); "
            "add lines around it until it is the only one, or set replace_all"
        )
    if len(text) + count * (len(new) - len(old)) > CHARACTERS:
        return f"it would grow past {CHARACTERS} characters"
    edits = _edits(text, old, new, places) if count <= EDITS else ()
    return Replaced(text.replace(old, new), count, lines, edits)


def _places(text: str, old: str) -> list[tuple[int, int]]:
    """Give the lines, from 0, and the characters of the first places where *old* stands."""
    found: list[tuple[int, int]] = []
    line, before, place = 0, 0, text.find(old)
    while place >= 0 and len(found) < EDITS:
        line += text.count("\n", before, place)
        found.append((line, place))
        before, place = place, text.find(old, place + len(old))
    return found


def _edits(text: str, old: str, new: str, places: list[tuple[int, int]]) -> tuple[Edit, ...]:
    """Write the exchanges as edits of whole lines; those that share a line are one."""
    made: list[Edit] = []
    height = old.count("\n")
    group: list[tuple[int, int]] = []
    for place in places:
        if group and place[0] > group[-1][0] + height:
            made.append(_edit(text, old, new, group))
            group = []
        group.append(place)
    return (*made, _edit(text, old, new, group))


def _edit(text: str, old: str, new: str, group: list[tuple[int, int]]) -> Edit:
    start = text.rfind("\n", 0, group[0][1]) + 1
    end = text.find("\n", group[-1][1] + len(old))
    piece = text[start:] if end < 0 else text[start:end]
    before, after = piece.split("\n"), piece.replace(old, new, len(group)).split("\n")
    while before and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    return Edit(group[0][0], group[0][0] + len(before), tuple(after))


def _nearly(text: str, old: str, new: str) -> Replaced | str:
    """Exchange whole lines that differ in white space only, if it is certain how."""
    rows, wanted, coming = split_rows(text), split_rows(old), split_rows(new)
    there, here = _bare(rows.lines), _bare(wanted.lines)
    places = find_lines(there, here)
    left = _bare(coming.lines) if new or wanted.closed else [""]
    sure = _sure(places, left)
    if sure is None or (new and wanted.closed != coming.closed):
        return f"old_string was not found. {nearest(there, here)}"
    place, lines = sure
    edit = Edit(place.start, place.start + len(here), tuple(line + rows.end for line in lines))
    made = joined(edited(rows.lines, [edit]), closed=rows.closed)
    return Replaced(made, 1, [place.start + 1], (edit,), place.note)


def _sure(places: list[Place], coming: list[str]) -> tuple[Place, tuple[str, ...]] | None:
    """Take the only place, with the new lines moved as it needs."""
    if len(places) != 1:
        return None
    lines = [shifted(line, places[0].shift) for line in coming]
    whole = tuple(line for line in lines if line is not None)
    return (places[0], whole) if len(whole) == len(lines) else None


def _bare(lines: tuple[str, ...]) -> list[str]:
    return [line.removesuffix("\r") for line in lines]
