"""Read every line of a segment and say of each what it is; go on after one that does not check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec

from recorder.errors import CorruptJournalError
from recorder.events import SegmentOpened, seconds
from recorder.framing import check, checksum, unframe
from recorder.reader import Entry, Line, Torn, checks, lines
from recorder.verifying.faults import Place


class Extent(msgspec.Struct, frozen=True):
    """A segment and how much of it is looked at, in bytes: a live one grows meanwhile."""

    path: Path
    size: int


class Seen(msgspec.Struct, frozen=True):
    """A line that checks, and what stands in it, newline excluded."""

    entry: Entry
    place: Place
    content: bytes

    @property
    def body(self) -> bytes:
        """The part of it that its checksum covers."""
        return check(self.content)


class Corrupt(msgspec.Struct, frozen=True):
    """A line that does not check; ``size`` in bytes."""

    place: Place
    size: int
    why: str


Sighting: TypeAlias = Seen | Corrupt | Torn


def scan(extent: Extent) -> Iterator[Sighting]:
    """Say of every line of a segment what it is, in order.

    Raises:
        OSError: it can't be read.
    """
    name = extent.path.name
    for line, offset in _within(extent):
        yield _look(line, Place(name, line.number, offset))


def last_lines(extents: list[Extent]) -> tuple[dict[str, int], str]:
    """Find where each session is spoken of last, and the id of the run, empty if nothing says it.

    Lines are numbered from 0 over all of *extents*; only the name of the session is looked at. A
    segment that is gone again has none.

    Raises:
        OSError: a segment can't be read.
    """
    last: dict[str, int] = {}
    run = ""
    for number, line in enumerate(_lines_of(extents)):
        name = _session_of(line.content)
        if name:
            last[name] = number
        elif line.number == 1 and not run:
            run = _run_of(line.content)
    return last, run


def _lines_of(extents: list[Extent]) -> Iterator[Line]:
    for extent in extents:
        with suppress(FileNotFoundError):
            yield from (line for line, _ in _within(extent))


def _within(extent: Extent) -> Iterator[tuple[Line, int]]:
    """Give the lines that are looked at, and where each begins."""
    offset = 0
    for line in lines(extent.path):
        end = offset + len(line.content) + line.complete
        if end > extent.size:
            return
        yield line, offset
        offset = end


def _look(line: Line, place: Place) -> Sighting:
    try:
        event = unframe(line.content)
        seconds(event.ts)
    except CorruptJournalError as error:
        if line.complete or checks(line.content):
            return Corrupt(place, len(line.content), str(error))
        return Torn(place.file, place.line, len(line.content))
    except ValueError:
        return Corrupt(place, len(line.content), "there is no such time")
    return Seen(Entry(event, place.file, place.line, checksum(line.content)), place, line.content)


class _Name(msgspec.Struct):
    """All that a line is looked at for."""

    session: str = ""


_decoder = msgspec.json.Decoder(_Name)


def _session_of(content: bytes) -> str:
    try:
        return _decoder.decode(content).session
    except (ValueError, RecursionError):
        return _session_slowly(content)


def _session_slowly(content: bytes) -> str:
    """Look into a line that holds lone surrogates, or nothing that can be read."""
    try:
        return unframe(content).session
    except CorruptJournalError:
        return ""


def _run_of(content: bytes) -> str:
    try:
        event = unframe(content)
    except CorruptJournalError:
        return ""
    return event.run if isinstance(event, SegmentOpened) else ""
