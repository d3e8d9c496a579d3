"""Show what was changed as a short unified diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hermes_run.tools.diffs.hunks import Edit

AROUND = 2
"""Lines shown before and after a change."""

CHARACTERS_SHOWN = 200


def show_edits(lines: Sequence[str], edits: Sequence[Edit], room: int) -> str:
    """Write *edits* of *lines* as hunks, in at most about *room* bytes; the rest is counted."""
    shown: list[str] = []
    written = _written(lines, edits)
    for line in written:
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            return "\n".join(
                [*shown, f"[... {1 + sum(1 for _ in written)} more lines of diff ...]"]
            )
        shown.append(line)
    return "\n".join(shown)


def _written(lines: Sequence[str], edits: Sequence[Edit]) -> Iterator[str]:
    grown = 0
    for group in _groups(edits):
        start = max(group[0].start - AROUND, 0)
        end = min(group[-1].end + AROUND, len(lines))
        growth = sum(len(edit.lines) - (edit.end - edit.start) for edit in group)
        olds, news = end - start, end - start + growth
        yield f"@@ -{_range(start, olds)} +{_range(start + grown, news)} @@"
        grown += growth
        for edit in group:
            yield from _marked(" ", lines[start : edit.start])
            yield from _marked("-", lines[edit.start : edit.end])
            yield from _marked("+", edit.lines)
            start = edit.end
        yield from _marked(" ", lines[start:end])


def _groups(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Put edits together whose surroundings touch."""
    group: list[Edit] = []
    for edit in edits:
        if group and edit.start - group[-1].end > 2 * AROUND:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _range(start: int, count: int) -> str:
    return f"{start + bool(count)},{count}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        text = line.removesuffix("\r")
        yield mark + (
            text if len(text) <= CHARACTERS_SHOWN else f"{text[:CHARACTERS_SHOWN]} [... cut ...]"
        )
