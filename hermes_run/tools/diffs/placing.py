"""Find where lines stand in a text: exactly, or but for white space where that is certain.

Three readings are tried in turn: as written; without white space at line ends; and moved as a
whole to another depth of indentation, the same one for every line that is not blank.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

PLACES = 1_000
"""Places looked at; a text that stands more often is not meant by its own words."""


class Shift(msgspec.Struct, frozen=True):
    """How the lines that were looked for must be moved to stand as the found ones do."""

    add: str = ""
    remove: str = ""


class Place(msgspec.Struct, frozen=True):
    """Lines found from *start* on, and how what is put there must be moved."""

    start: int
    shift: Shift = Shift()
    note: str = ""


def find_lines(rows: Sequence[str], wanted: Sequence[str]) -> list[Place]:
    """Find *wanted* in *rows* by the first reading in which it stands there at all."""
    exact = _find(rows, wanted)
    if exact:
        return [Place(start) for start in exact]
    if not any(line.strip() for line in wanted):
        return []
    trimmed = _find([row.rstrip() for row in rows], [line.rstrip() for line in wanted])
    if trimmed:
        return [Place(start, note="white space at line ends differs") for start in trimmed]
    moved: list[Place] = []
    for start in _find([row.strip() for row in rows], [line.strip() for line in wanted]):
        shift = _shift(rows[start : start + len(wanted)], wanted)
        if shift is not None:
            moved.append(Place(start, shift, _told(shift)))
    return moved


def shifted(line: str, shift: Shift) -> str | None:
    """Move one line; ``None`` if it does not reach as far in as the others do."""
    if not line.strip():
        return line
    if shift.remove and not line.startswith(shift.remove):
        return None
    return shift.add + line[len(shift.remove) :]


def _find(rows: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Give the first lines where *wanted* stands, in time linear in both (but for overlaps)."""
    whole, part = "\n".join(["", *rows, ""]), "\n".join(["", *wanted, ""])
    found: list[int] = []
    line, before, place = 0, 0, whole.find(part)
    while place >= 0 and len(found) < PLACES:
        line += whole.count("\n", before, place)
        found.append(line)
        before, place = place, whole.find(part, place + 1)
    return found


def _shift(rows: Sequence[str], wanted: Sequence[str]) -> Shift | None:
    """Give the one shift that all lines need, if there is one."""
    shifts = {
        _between(_indent(row), _indent(line))
        for row, line in zip(rows, wanted, strict=True)
        if line.strip()
    }
    return shifts.pop() if len(shifts) == 1 else None


def _between(there: str, here: str) -> Shift | None:
    if there.endswith(here):
        return Shift(add=there[: len(there) - len(here)])
    if here.endswith(there):
        return Shift(remove=here[: len(here) - len(there)])
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _told(shift: Shift) -> str:
    if shift.add:
        return f"indented by {_counted(shift.add)} more to fit"
    return f"indented by {_counted(shift.remove)} less to fit"


def _counted(space: str) -> str:
    kind = {" ": "space", "\t": "tab"}.get(space[0]) if len(set(space)) == 1 else None
    return f"{len(space)} {kind or 'white character'}{'s' * (len(space) > 1)}"
