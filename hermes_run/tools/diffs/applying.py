"""Apply hunks to a text, or say which of them does not fit and what stands there instead."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import msgspec

from hermes_run.tools.diffs.hunks import BadPatch, Edit, Hunk
from hermes_run.tools.diffs.nearest import nearest
from hermes_run.tools.diffs.placing import Place, find_lines, shifted
from hermes_run.tools.diffs.rows import Rows, edited, joined, split_rows

LISTED = 10


class Applied(msgspec.Struct, frozen=True):
    """The text that came out, what was done to the lines of the old one, and what to say of it."""

    text: str
    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()


class _Spot(msgspec.Struct, frozen=True):
    """A hunk at the old lines *start* to *end*."""

    start: int
    end: int
    place: Place
    hunk: Hunk


def apply_hunks(text: str, hunks: Sequence[Hunk]) -> Applied | BadPatch:
    """Apply all *hunks* to *text*; each is looked for in the old text, none may overlap another."""
    rows = split_rows(text)
    bare = _without_returns(rows, hunks)
    spots: list[_Spot] = []
    notes: list[str] = []
    after = 0
    for hunk in hunks:
        spot = _spot(bare.lines, hunk, spots, after)
        if isinstance(spot, str):
            return BadPatch(f"the hunk at line {hunk.number} of the patch does not fit: {spot}")
        notes += [f"hunk at line {hunk.number}: {spot.place.note}"] if spot.place.note else []
        bisect.insort(spots, spot, key=lambda each: (each.start, each.end))
        after = spot.end
    edits: list[Edit] = []
    for spot in spots:
        made = _edits(spot, rows.end if bare is not rows else "")
        if made is None:
            return BadPatch(
                f"the hunk at line {spot.hunk.number} of the patch stands less far in than the "
                f"lines it would go between (from line {spot.start + 1}); indent it as the file is"
            )
        edits += made
    lines = edited(rows.lines, edits)
    return Applied(joined(lines, closed=_closed(rows, spots)), tuple(edits), tuple(notes))


def _without_returns(rows: Rows, hunks: Sequence[Hunk]) -> Rows:
    """Leave out carriage returns where the patch has none, as models leave them out."""
    if any("\r" in line for hunk in hunks for _, line in hunk.lines):
        return rows
    if not any(line.endswith("\r") for line in rows.lines):
        return rows
    return Rows(tuple(line.removesuffix("\r") for line in rows.lines), rows.closed)


def _spot(lines: Sequence[str], hunk: Hunk, taken: list[_Spot], after: int) -> _Spot | str:
    """Find the one place of a hunk, or say why there is none."""
    old = [line for mark, line in hunk.lines if mark != "+"]
    lead = _anchored(lines, hunk.anchors, after)
    if isinstance(lead, str):
        return lead
    if not old:
        return _insertion(lines, hunk, lead)
    free = [place for place in find_lines(lines, old) if _is_free(place.start, len(old), taken)]
    chosen = _chosen(free, hunk, lead if hunk.anchors else after, len(lines) - len(old))
    if isinstance(chosen, Place):
        return _Spot(chosen.start, chosen.start + len(old), _moved(chosen, hunk), hunk)
    if not chosen:
        return f"its lines are not in the file. {nearest(lines, old)}"
    listed = ", ".join(str(place.start + 1) for place in chosen[:LISTED])
    more = ", ..." if len(chosen) > LISTED else ""
    return (
        f"its lines stand {len(chosen)} times in the file (at lines {listed}{more}); "
        "add lines around them until they are the only ones"
    )


def _chosen(places: list[Place], hunk: Hunk, after: int, end: int) -> Place | list[Place]:
    """Take the place that is meant, or give all that may be."""
    sure = end if hunk.at_end else hunk.start
    for place in places:
        if place.start == sure:
            return place
    later = [place for place in places if place.start >= after]
    if hunk.anchors:
        # The first one after the anchor is what the format means.
        return later[0] if later else places
    if len(places) == 1 or not later:
        return places[0] if len(places) == 1 else places
    return later[0] if len(later) == 1 else later


def _moved(place: Place, hunk: Hunk) -> Place:
    """Say that a hunk stood elsewhere than it says."""
    if hunk.start is None or hunk.start == place.start:
        return place
    told = f"found at line {place.start + 1}, not {hunk.start + 1}"
    return msgspec.structs.replace(place, note="; ".join(filter(None, [told, place.note])))


def _anchored(lines: Sequence[str], anchors: Sequence[str], after: int) -> int | str:
    """Give the line after the last of *anchors*, each looked for after the one before it."""
    for anchor in anchors:
        plain = anchor.strip()
        found = [number for number, line in enumerate(lines) if line.strip() == plain] or [
            number for number, line in enumerate(lines) if line.strip().startswith(plain)
        ]
        if not found:
            return f"there is no line {anchor!r}. {nearest(lines, [anchor])}"
        after = next((number for number in found if number >= after), found[0]) + 1
    return after


def _insertion(lines: Sequence[str], hunk: Hunk, lead: int) -> _Spot | str:
    """Place lines that come without any around them."""
    if not any(mark == "+" for mark, _ in hunk.lines):
        return "it has no lines"
    start = lead if hunk.anchors and not hunk.at_end else len(lines)
    if hunk.start is not None:
        start = hunk.start
    if start > len(lines):
        return f"it goes after line {start}, and the file has {len(lines)} lines"
    note = "" if hunk.start is not None or hunk.anchors else "put at the end of the file"
    return _Spot(start, start, Place(start, note=note if lines else ""), hunk)


def _is_free(start: int, count: int, taken: list[_Spot]) -> bool:
    """Tell whether so many lines from *start* on belong to no other hunk."""
    at = bisect.bisect_right(taken, start, key=lambda spot: spot.start)
    before = at == 0 or taken[at - 1].end <= start
    return before and (at == len(taken) or start + count <= taken[at].start)


def _edits(spot: _Spot, end: str) -> list[Edit] | None:
    """Write a hunk as edits of the lines that change; those that stay are left as they are."""
    made: list[Edit] = []
    first = row = spot.start
    new: list[str] = []
    for mark, line in [*spot.hunk.lines, (" ", "")]:
        if mark == " ":
            made += [Edit(first, row, tuple(new))] if new or row > first else []
            row += 1
            first, new = row, []
        elif mark == "-":
            row += 1
        elif (text := shifted(line, spot.place.shift)) is not None:
            new.append(text + end)
        else:
            return None
    return made


def _closed(rows: Rows, spots: list[_Spot]) -> bool:
    """Tell whether the last line ends in a line feed afterwards."""
    last = spots[-1] if spots else None
    if last is None or last.end < len(rows.lines):
        return rows.closed
    if last.hunk.open_new:
        return False
    return True if last.hunk.open_old else rows.closed
