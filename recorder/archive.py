"""Sessions taken whole out of a journal, one at a time, however many there are.

The journal is read once to learn where the lines of the sessions lie, looking only at the name on
each; a session is read and folded when it is asked for. Nothing of this is kept on disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import Event, SessionStarted, ToolsDeclared
from recorder.framing import checksum, unframe
from recorder.reader import Entry, Folding, Line, lines
from recorder.segment import segments
from recorder.session import Session


class _Name(msgspec.Struct):
    """All that a line is looked at for."""

    session: str = ""


_decoder = msgspec.json.Decoder(_Name)

_PLACE = 4
"""What is kept of a line: its segment, its number, where it begins and its size."""


class Archive:
    """The sessions *names* of the journal in *directory*; every method blocks.

    Raises:
        CorruptJournalError: a line does not check.
        RunDirectoryError: there is no such folder, or it can't be read.
    """

    def __init__(self, directory: Path, names: Collection[str]) -> None:
        self._paths: list[Path] = []
        self._places: dict[str, array[int]] = {name: array("Q") for name in names}
        self._tools: dict[str, Entry] = {}
        if not names:
            return
        try:
            self._paths = segments(directory)
            for segment, path in enumerate(self._paths):
                self._survey(segment, path)
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error

    def __contains__(self, name: object) -> bool:
        """Whether the session can be had here."""
        return name in self._places

    def fold(self, name: str) -> Session:
        """Give a session whole.

        Raises:
            CorruptJournalError: a line of its contradicts an earlier one, or there is none.
            RunDirectoryError: the journal can't be read.
        """
        folding = Folding()
        for _ in self._fold_into(folding, name):
            pass  # nobody needs its facts one by one
        if name not in folding.sessions:
            raise CorruptJournalError(f"the journal holds nothing of session {name!r}")
        return folding.sessions[name]

    def fold_after(self, name: str, heard: int) -> tuple[Session, tuple[Event, ...]] | None:
        """Give a session whole, with its facts after the first *heard*; ``None`` if it has none.

        Raises:
            CorruptJournalError: a line of its contradicts an earlier one.
            RunDirectoryError: the journal can't be read.
        """
        folding = Folding()
        news = tuple(event for event in self._fold_into(folding, name) if event.seq >= heard)
        return (folding.sessions[name], news) if name in folding.sessions else None

    def _fold_into(self, folding: Folding, name: str) -> Iterator[Event]:
        """Add the facts of a session to *folding*; gives each, but none twice."""
        try:
            for entry in self._entries(name):
                if isinstance(entry.event, SessionStarted):
                    self._declare(entry.event.tools_hash, folding)
                if folding.add(entry):
                    yield entry.event
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error

    def _survey(self, segment: int, path: Path) -> None:
        position = 0
        for line in lines(path):
            size = len(line.content)
            name = _name(line, path)
            if name in self._places:
                self._places[name].extend((segment, line.number, position, size))
            elif name == "":
                self._note_tools(line, path)
            position += size + 1

    def _note_tools(self, line: Line, path: Path) -> None:
        event = _event(line.content, path, line.number)
        if isinstance(event, ToolsDeclared):
            entry = Entry(event, path.name, line.number, checksum(line.content))
            self._tools[event.tools_hash] = entry

    def _declare(self, name: str, folding: Folding) -> None:
        """Make the tools called *name* known to *folding*; of others there may be any number."""
        if name in self._tools:
            folding.add(self._tools[name])

    def _entries(self, name: str) -> Iterator[Entry]:
        places = self._places[name]
        with ExitStack() as stack:
            opened: dict[int, BinaryIO] = {}
            for at in range(0, len(places), _PLACE):
                segment, number, position, size = places[at : at + _PLACE]
                path = self._paths[segment]
                if segment not in opened:
                    opened[segment] = stack.enter_context(path.open("rb"))
                opened[segment].seek(position)
                content = opened[segment].read(size)
                event = _event(content, path, number)
                yield Entry(event, path.name, number, checksum(content))


def _name(line: Line, path: Path) -> str | None:
    """The session a line belongs to: empty for a segment's own, ``None`` for a torn tail."""
    if not line.complete:
        return _name_in_tail(line)
    try:
        return _decoder.decode(line.content).session
    except (msgspec.DecodeError, UnicodeDecodeError):  # lone surrogates, or no fact at all
        return _event(line.content, path, line.number).session


def _name_in_tail(line: Line) -> str | None:
    """Look into a line without its newline: it may be whole all the same."""
    try:
        return unframe(line.content).session
    except CorruptJournalError:
        return None


def _event(content: bytes, path: Path, number: int) -> Event:
    try:
        return unframe(content)
    except CorruptJournalError as error:
        raise CorruptJournalError(f"{path.name}, line {number}: {error}") from error
