"""Follow a journal that is being written, without disturbing who writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from recorder.errors import RunDirectoryError
from recorder.reader import Entry, Torn, lines, read_line
from recorder.segment import segments


class _Place(msgspec.Struct):
    """How far a segment was read: its bytes, its lines, and the size of an unfinished line."""

    offset: int = 0
    number: int = 0
    unfinished: int = 0


class Follower:
    """Reads a journal piece by piece; ``torn`` is what processes that died left half written.

    ::

        follower = recorder.Follower(Path("runs/mine/journal"))
        for entry in follower.news():      # again and again, in a thread where a loop runs
            print(entry.event)

    What is read is on its way to the disk, but need not have arrived there. Where the disk was
    full some events come a second time, equal: :class:`~recorder.reader.Order` tells.
    """

    def __init__(self, directory: Path) -> None:
        self.torn: list[Torn] = []
        self._directory = directory
        self._places: dict[str, _Place] = {}

    def news(self) -> Iterator[Entry]:
        """Give what was written since it was last asked for; blocks while it reads.

        Raises:
            CorruptJournalError: a line does not check.
            RunDirectoryError: there is no such folder, it can't be read, or it is of a later
                schema.
        """
        try:
            paths = segments(self._directory)
            for path in paths:
                with suppress(FileNotFoundError):
                    yield from self._read(path, is_last=path is paths[-1])
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error

    def _read(self, path: Path, *, is_last: bool) -> Iterator[Entry]:
        """Read on in one segment.

        A line without its end is waited for in the last one, and in others, which several processes
        of a run may be writing, for as long as it grows.
        """
        place = self._places.setdefault(path.name, _Place())
        for line in lines(path, place.offset, place.number):
            if not line.complete and (is_last or len(line.content) != place.unfinished):
                place.unfinished = len(line.content)
                return
            place.unfinished = 0
            place.offset += len(line.content) + line.complete
            place.number = line.number
            found = read_line(path.name, line)
            if isinstance(found, Torn):
                self.torn.append(found)
            else:
                yield found
