"""Sessions taken whole out of a journal, one at a time, however many there are.

The journal is read once to learn where the lines of the sessions lie, looking only at the name on
each; a session is read and folded when it is asked for. Nothing of this is kept on disk.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import ToolsDeclared
from recorder.framing import checksum, unframe
from recorder.reader import Entry, Folding, Line, lines
from recorder.segment import segments
from recorder.session import Session


class _Name(msgspec.Struct):
    """All that a line is looked at for."""

    session: str = ""


_decoder = msgspec.json.Decoder(_Name)


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
        try:
            self._paths = segments(directory)
            for number, path in enumerate(self._paths):
                self._survey(number, path)
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error

    def __contains__(self, name: object) -> bool:
        """Whether the session can be had here."""
        return name in self._places

    def fold(self, name: str) -> Session:
        """Give a session whole.

        Raises:
            CorruptJournalError: a line of its contradicts an earlier one.
            RunDirectoryError: the journal can't be read.
        """
        folding = Folding()
        try:
            for declared in self._tools.values():
                folding.add(declared)
            for entry in self._entries(name):
                folding.add(entry)
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error
        return folding.sessions[name]

    def _survey(self, number: int, path: Path) -> None:
        position = 0
        for line in lines(path):
            name = _name(line)
            if name in self._places:
                self._places[name].extend((number, position, len(line.content)))
            elif not name and line.complete:
                self._note_tools(line, path)
            position += len(line.content) + 1

    def _note_tools(self, line: Line, path: Path) -> None:
        event = unframe(line.content)
        if isinstance(event, ToolsDeclared):
            entry = Entry(event, path.name, line.number, checksum(line.content))
            self._tools[event.tools_hash] = entry

    def _entries(self, name: str) -> Iterator[Entry]:
        places = self._places[name]
        for at in range(0, len(places), 3):
            number, position, size = places[at : at + 3]
            path = self._paths[number]
            content = _read(path, position, size)
            yield Entry(unframe(content), path.name, 0, checksum(content))


def _name(line: Line) -> str | None:
    """The session a line belongs to: empty for a segment's own, ``None`` for a torn tail."""
    try:
        return _decoder.decode(line.content).session
    except msgspec.DecodeError:
        return _name_slowly(line)


def _name_slowly(line: Line) -> str | None:
    """Look into a line that holds lone surrogates, or is torn."""
    try:
        return unframe(line.content).session
    except CorruptJournalError:
        if line.complete:
            raise
        return None


def _read(path: Path, position: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, position)
    finally:
        os.close(descriptor)
