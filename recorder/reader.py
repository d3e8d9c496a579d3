"""Read a journal: tell a torn tail from corruption, and never change anything.

Only the last line of a segment can be torn, because a segment is written by one process, in order,
and never appended to by another. A torn tail was never acknowledged: it is skipped and counted. A
complete fact that only lacks its newline is kept. Anything else that does not check is corruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from recorder.errors import CorruptJournalError, MisuseError
from recorder.events import Event, SegmentOpened, SessionStarted, ToolsDeclared
from recorder.framing import checksum, unframe
from recorder.messages import Json
from recorder.segment import segments
from recorder.session import Session, apply

_CHUNK = 2**20


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


def lines(path: Path) -> Iterator[Line]:
    """Split a file at 0x0A only, reading 1 MiB at a time."""
    number, rest = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for content in whole:
                number += 1
                yield Line(number, content, complete=True)
    if rest:
        yield Line(number + 1, rest, complete=False)


def read_segment(path: Path) -> Iterator[Entry | Torn]:
    """Give the events of one segment, and a :class:`Torn` last if its tail is torn.

    Raises:
        CorruptJournalError: a line that can't be a torn tail does not check.
    """
    for line in lines(path):
        try:
            event = unframe(line.content)
        except CorruptJournalError as error:
            if line.complete:
                raise CorruptJournalError(f"{path.name}, line {line.number}: {error}") from error
            yield Torn(path.name, line.number, len(line.content))
        else:
            yield Entry(event, path.name, line.number, checksum(line.content))


def read(directory: Path) -> Iterator[Entry | Torn]:
    """Give everything in a journal folder, segment by segment.

    Raises:
        CorruptJournalError: see :func:`read_segment`.
    """
    for path in segments(directory):
        yield from read_segment(path)


def fold_journal(directory: Path) -> Folded:
    """Fold a whole journal folder.

    Raises:
        CorruptJournalError: a line does not check, or contradicts an earlier one.
    """
    folding = Folding()
    torn: list[Torn] = []
    for entry in read(directory):
        if isinstance(entry, Torn):
            torn.append(entry)
        else:
            folding.add(entry)
    return Folded(folding.run, folding.sessions, tuple(torn), folding.events)


class Folding:
    """Folds the interleaved events of many sessions; of two equal events it takes one."""

    def __init__(self) -> None:
        self.run = ""
        self.events = 0
        self.sessions: dict[str, Session] = {}
        self._tools: dict[str, tuple[dict[str, Json], ...]] = {}
        self._checksums: dict[str, list[bytes]] = {}

    def add(self, entry: Entry) -> None:
        """Take the next event of the journal.

        Raises:
            CorruptJournalError: the event contradicts what came before it.
        """
        self.events += 1
        event = entry.event
        if isinstance(event, SegmentOpened):
            self.run = self.run or event.run
        elif isinstance(event, ToolsDeclared):
            self._tools[event.tools_hash] = event.tools
        elif not self._repeats(entry):
            self._apply(entry)

    def _repeats(self, entry: Entry) -> bool:
        """Whether the event stands in the journal already: a full disk may have it written twice."""
        event = entry.event
        seen = self._checksums.setdefault(event.session, [])
        if event.seq >= len(seen):
            return False
        if seen[event.seq] != entry.checksum:
            raise _contradiction(
                entry, f"session {event.session!r} has two different events with seq {event.seq}"
            )
        return True

    def _apply(self, entry: Entry) -> None:
        event = entry.event
        session = self.sessions.get(event.session) or self._new(entry)
        try:
            self.sessions[event.session] = apply(session, event)
        except MisuseError as error:
            raise _contradiction(entry, str(error)) from error
        self._checksums[event.session].append(entry.checksum)

    def _new(self, entry: Entry) -> Session:
        event = entry.event
        if not isinstance(event, SessionStarted) or not event.tools_hash:
            return Session()
        if event.tools_hash not in self._tools:
            raise _contradiction(entry, f"tools {event.tools_hash!r} were never declared")
        return Session(tools=self._tools[event.tools_hash])


def _contradiction(entry: Entry, what: str) -> CorruptJournalError:
    return CorruptJournalError(f"{entry.segment}, line {entry.line}: {what}")
