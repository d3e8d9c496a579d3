"""Read a journal: tell a torn tail from corruption, and never change anything.

Only the last line of a segment can be torn, because a segment is written by one process, in order,
and never appended to by another. A torn tail was never acknowledged: it is skipped and counted. A
complete fact that only lacks its newline is kept. Anything else that does not check is corruption.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from recorder.errors import CorruptJournalError, MisuseError, RunDirectoryError
from recorder.events import SCHEMA, Event, SegmentOpened, SessionStarted, ToolsDeclared, Unknown
from recorder.framing import check, checksum, unframe
from recorder.messages import Json
from recorder.segment import segments
from recorder.session import Session, apply
from recorder.sessions import Sessions

_BUFFER = 2**20


class Line(msgspec.Struct, frozen=True):
    """A line of a segment, newline excluded; ``number`` counts from 1."""

    number: int
    content: bytes
    complete: bool


class Torn(msgspec.Struct, frozen=True):
    """A tail that was being written when its process ended; ``size`` in bytes."""

    segment: str
    line: int
    size: int


class Entry(msgspec.Struct, frozen=True):
    """An event with its place in the journal and the checksum of its line."""

    event: Event
    segment: str
    line: int
    checksum: bytes


class Folded(msgspec.Struct, frozen=True):
    """A whole journal, folded: its sessions by id in the order they started."""

    run: str
    sessions: dict[str, Session]
    torn: tuple[Torn, ...]
    events: int


def lines(path: Path, offset: int = 0, before: int = 0) -> Iterator[Line]:
    """Split a file at 0x0A only, holding one line at a time; one without its end is the last.

    Args:
        path: the file.
        offset: where to begin, in bytes.
        before: how many lines there are before that.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb", buffering=_BUFFER) as file:
        file.seek(offset)
        for number, content in enumerate(file, start=before + 1):
            complete = content.endswith(b"\n")
            yield Line(number, content[:-1] if complete else content, complete)
            if not complete:
                return  # what a writer adds to it meanwhile would look like a line of its own


def read_segment(path: Path) -> Iterator[Entry | Torn]:
    """Give the events of one segment, and a :class:`Torn` last if its tail is torn.

    Raises:
        CorruptJournalError: a line that can't be a torn tail does not check.
        RunDirectoryError: the segment is of a later schema.
        OSError: the file can't be read.
    """
    segment = path.name
    return (read_line(segment, line) for line in lines(path))


def read_line(segment: str, line: Line) -> Entry | Torn:
    """Read one line of the segment called *segment*.

    Raises:
        CorruptJournalError: it does not check, and is no torn tail.
        RunDirectoryError: the segment is of a later schema.
    """
    try:
        event = unframe(line.content)
    except CorruptJournalError as error:
        if line.complete or checks(line.content):
            raise CorruptJournalError(f"{segment}, line {line.number}: {error}") from error
        return Torn(segment, line.number, len(line.content))
    entry = Entry(event, segment, line.number, checksum(line.content))
    if line.number == 1:
        _check_heading(entry)
    return entry


def _check_heading(entry: Entry) -> None:
    """Refuse a segment that has no beginning, and one whose facts may mean something else here."""
    event = entry.event
    if not isinstance(event, SegmentOpened):
        raise contradiction(entry, "a segment does not begin like this")
    if event.schema > SCHEMA:
        raise RunDirectoryError(
            f"{entry.segment} was written in schema {event.schema} by version {event.version:.80}; "
            f"this version reads no schema after {SCHEMA}: use that one, or a later one"
        )


def read(directory: Path) -> Iterator[Entry | Torn]:
    """Give everything in a journal folder, segment by segment.

    Of a journal that is being written, a segment may be gone again before it is read: where there
    was no room for its first facts, they are written to another.

    Raises:
        CorruptJournalError: see :func:`read_segment`.
        RunDirectoryError: there is no such folder, it can't be read, or it is of a later schema.
    """
    try:
        for path in segments(directory):
            with suppress(FileNotFoundError):
                yield from read_segment(path)
    except OSError as error:
        raise RunDirectoryError(f"the journal can't be read: {error}") from error


def fold_journal(directory: Path) -> Folded:
    """Fold a whole journal folder.

    Raises:
        CorruptJournalError: a line does not check, or contradicts an earlier one.
        RunDirectoryError: there is no such folder, it can't be read, or it is of a later schema.
    """
    folding = Folding()
    torn: list[Torn] = []
    for entry in read(directory):
        if isinstance(entry, Torn):
            torn.append(entry)
        else:
            folding.add(entry)
    return Folded(folding.run, dict(folding.sessions), tuple(torn), folding.events)


class Order:
    """Takes each event once and in its order; of two equal events it takes one.

    Some are written twice when a disk fills up. Memory is four bytes an event.
    """

    def __init__(self) -> None:
        self._checksums: dict[str, array[int]] = {}

    def admit(self, entry: Entry) -> bool:
        """Say whether the event is new; one that was there before, equal, is not.

        Raises:
            CorruptJournalError: it differs from the one there was, or one before it is missing.
        """
        event, crc = entry.event, int(entry.checksum, 16)
        seen = self._checksums.get(event.session)
        if seen is None:
            seen = self._checksums[event.session] = array("I")
        if event.seq == len(seen):
            seen.append(crc)
            return True
        who = f"session {event.session!r}"
        if event.seq > len(seen):
            raise contradiction(entry, f"{who} has seq {event.seq} where {len(seen)} is due")
        if seen[event.seq] != crc:
            raise contradiction(entry, f"{who} has two different events with seq {event.seq}")
        return False


class Folding:
    """Folds the interleaved events of many sessions; of two equal events it takes one.

    ``events`` counts what was taken.
    """

    def __init__(self) -> None:
        self.run = ""
        self.events = 0
        self.sessions = Sessions()
        self._tools: dict[str, tuple[dict[str, Json], ...]] = {}
        self._order = Order()

    def add(self, entry: Entry) -> bool:
        """Take the next event of the journal; gives whether it says anything new.

        Raises:
            CorruptJournalError: the event contradicts what came before it.
        """
        event = entry.event
        if isinstance(event, SegmentOpened):
            self.run = self.run or event.run
        elif isinstance(event, ToolsDeclared):
            self._tools[event.tools_hash] = event.tools
        elif isinstance(event, Unknown) and not event.session:
            pass  # a later version's fact about a segment
        elif not self._order.admit(entry):
            return False
        else:
            self._apply(entry)
        self.events += 1
        return True

    def _apply(self, entry: Entry) -> None:
        known = entry.event.session in self.sessions
        before = None if known else before_first(entry, self._tools)
        try:
            self.sessions.add(entry.event, before)
        except MisuseError as error:
            raise contradiction(entry, str(error)) from error


def before_first(entry: Entry, tools: Mapping[str, tuple[dict[str, Json], ...]]) -> Session:
    """Give the session that *entry* is the first fact of, with its *tools* as they were declared.

    Raises:
        CorruptJournalError: they never were.
    """
    event = entry.event
    if not isinstance(event, SessionStarted) or not event.tools_hash:
        return Session()
    if event.tools_hash not in tools:
        raise contradiction(entry, f"tools {event.tools_hash!r} were never declared")
    return Session(tools=tools[event.tools_hash])


def after(session: Session, entry: Entry) -> Session:
    """Give *session* after the fact in *entry*.

    Raises:
        CorruptJournalError: the fact contradicts what came before it.
    """
    try:
        return apply(session, entry.event)
    except MisuseError as error:
        raise contradiction(entry, str(error)) from error


def checks(content: bytes) -> bool:
    """Whether a line, newline excluded, ends with its checksum."""
    try:
        check(content)
    except CorruptJournalError:
        return False
    return True


def contradiction(entry: Entry, what: str) -> CorruptJournalError:
    """Say *what* is wrong with an event, and where it stands."""
    return CorruptJournalError(f"{entry.segment}, line {entry.line}: {what}")
