"""The rows that were made of sessions: where each stands, and what was written in it.

Of a row its place and eight bytes of its SHA-256 are kept, so that memory stays small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from recorder.formats import row
from recorder.json_text import decode, encode
from recorder.messages import Json
from recorder.reader import Line, lines
from recorder.run_directory import FAILED, TRAJECTORIES
from recorder.session import Session
from recorder.shapes import object_of, text_in
from recorder.verifying.faults import Faults, Place


class Row(msgspec.Struct, frozen=True, gc=False):
    """Where the row of a session stands, in bytes from the beginning, and what is in it."""

    completed: bool
    line: int
    offset: int
    digest: bytes

    @property
    def place(self) -> Place:
        """The row's line."""
        return Place(file_of(completed=self.completed), self.line, self.offset)


class Rows:
    """All rows of a run directory, by session; taken out one after the other.

    ``torn`` holds the tail of each file that was being written when its process ended, ``run`` the
    id of the run as the first row has it.
    """

    def __init__(self) -> None:
        self.run = ""
        self.count = 0
        self.torn: dict[bool, bytes] = {}
        self._first: dict[str, Row] = {}
        self._more: dict[str, list[Row]] = {}

    def add(self, name: str, found: Row) -> None:
        """Note one more row of session *name*."""
        self.count += 1
        if self._first.setdefault(name, found) is not found:
            self._more.setdefault(name, []).append(found)

    def take(self, name: str) -> list[Row]:
        """Take out the rows of session *name*."""
        first = self._first.pop(name, None)
        return [first, *self._more.pop(name, ())] if first else []

    def left(self) -> Iterable[tuple[str, Row]]:
        """The rows that nobody took: one a session."""
        return self._first.items()


class _Head(msgspec.Struct):
    """All that a row is looked at for."""

    id: str
    run: str = ""


_decoder = msgspec.json.Decoder(_Head)


def read_rows(directory: Path, faults: Faults) -> Rows:
    """Read where all rows of a run directory are; a file that is missing has none.

    Raises:
        OSError: one can't be read.
    """
    rows = Rows()
    for completed in (True, False):
        path = directory / file_of(completed=completed)
        if path.exists():
            for line, offset in _placed(path):
                _note(rows, line, Row(completed, line.number, offset, digest(line.content)), faults)
    return rows


def file_of(*, completed: bool) -> str:
    """The name of the file that the rows of such sessions are in."""
    return TRAJECTORIES if completed else FAILED


def digest(content: bytes) -> bytes:
    """Eight bytes that differ where *content* does."""
    return hashlib.sha256(content).digest()[:8]


def write_row(session: Session, run: str) -> bytes:
    """Write the row of a session as the record does, newline excluded.

    Raises:
        RecorderError: it has none.
        ValueError: it has none: a time in it is no time.
        RecursionError: it has none: it is nested too deeply.
    """
    return encode(row.render(session, run))


def differences(directory: Path, found: Row, meant: bytes) -> str:
    """Name the keys in which a row differs from what it should be."""
    try:
        with (directory / found.place.file).open("rb") as file:
            file.seek(found.offset)
            is_now = object_of(decode(file.readline()))
    except (OSError, ValueError):
        return "its spelling"
    should_be: dict[str, Json] = object_of(decode(meant))
    names = [key for key in {**should_be, **is_now} if should_be.get(key) != is_now.get(key)]
    return ", ".join(names) or "its spelling"


def _placed(path: Path) -> Iterator[tuple[Line, int]]:
    offset = 0
    for line in lines(path):
        yield line, offset
        offset += len(line.content) + 1


def _note(rows: Rows, line: Line, found: Row, faults: Faults) -> None:
    if not line.complete:
        rows.torn[found.completed] = line.content
        return
    head = _head(line.content)
    if head is None:
        faults.add("rows", "this is no row: it is no JSON object with an `id`", found.place)
        return
    rows.run = rows.run or head.run
    rows.add(head.id, found)


def _head(content: bytes) -> _Head | None:
    try:
        return _decoder.decode(content)
    except (ValueError, RecursionError):
        return _head_slowly(content)


def _head_slowly(content: bytes) -> _Head | None:
    """Look into a row that holds lone surrogates, or is none."""
    try:
        document = object_of(decode(content))
    except ValueError:
        return None
    name = document.get("id")
    return _Head(name, text_in(document.get("run"))) if isinstance(name, str) else None
