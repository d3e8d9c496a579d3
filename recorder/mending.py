"""Rows that agree with the journal again, after a crash or when sessions went on.

A row is the last word on a session, so a session that goes on leaves a row behind that is no
longer true; which attempt a row is of stands in it. Rows are also missing where the process died
between the end and the row. A file is written anew beside the old one and put in its place in one
piece; one that is right is not touched.

Everything here blocks, and nobody else may append to the files meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from recorder import files
from recorder.archive import Archive
from recorder.disk import Disk, write_all
from recorder.errors import RecorderError
from recorder.formats import row
from recorder.json_text import decode, encode
from recorder.reader import lines
from recorder.run_directory import FAILED, JOURNAL, TRAJECTORIES
from recorder.session import Session
from recorder.standing import Standings

_PIECE = 2**20


class _Timing(msgspec.Struct, frozen=True):
    attempts: int = 1


class _Row(msgspec.Struct, frozen=True):
    """All that a row is looked at for."""

    id: str = ""
    timing: _Timing = _Timing()


_decoder = msgspec.json.Decoder(_Row)


class Found(msgspec.Struct, frozen=True):
    """A line of a file of rows: of which session and attempt; a torn one is of none."""

    name: str
    attempt: int
    content: bytes


def mend(directory: Path, standings: Standings, disk: Disk | None = None) -> int:
    """Make the rows in *directory* say what the journal says; gives how many were missing.

    Raises:
        OSError: a file can't be read or written.
        CorruptJournalError: a session can't be folded.
    """
    disk = disk or Disk()
    files.sweep(directory, disk)
    kept = _settle(directory / TRAJECTORIES, _attempts(standings, completed=True), disk)
    kept |= _settle(directory / FAILED, _attempts(standings, completed=False), disk)
    missing = [name for name, each in standings.sessions.items() if each.over and name not in kept]
    if missing:
        _append_rows(directory, standings.run, missing, disk)
    return len(missing)


def forget(directory: Path, newest: Mapping[str, int], disk: Disk | None = None) -> None:
    """Drop the rows of attempts before the *newest* of the sessions that went on.

    Raises:
        OSError: a file can't be read or written.
    """
    for name in (TRAJECTORIES, FAILED):
        path = directory / name
        if any(not _is_newest(found, newest) for found in read_rows(path)):
            kept = (found for found in read_rows(path) if _is_newest(found, newest))
            files.put(path, _pieces(kept), disk or Disk())


def read_rows(path: Path) -> Iterator[Found]:
    """Give the lines of a file of rows, of which there are none where it is missing.

    Raises:
        OSError: it can't be read.
    """
    if not path.exists():
        return
    for line in lines(path):
        head = _head(line.content) if line.complete else None
        head = head or _Row()
        yield Found(head.id, head.timing.attempts, line.content)


def _attempts(standings: Standings, *, completed: bool) -> dict[str, int]:
    """The sessions that have a row in one of the two files, and of which attempt it has to be."""
    return {
        name: each.attempt
        for name, each in standings.sessions.items()
        if each.over and not each.late and (each.ended == "completed") == completed
    }


def _settle(path: Path, attempts: Mapping[str, int], disk: Disk) -> set[str]:
    """Leave in *path* only rows that are true, one a session; gives the sessions that have one."""
    kept: set[str] = set()
    surplus = 0
    for found in read_rows(path):
        if _is_true(found, attempts) and found.name not in kept:
            kept.add(found.name)
        else:
            surplus += 1
    if surplus:
        files.put(path, _pieces(_first_of_each(path, attempts)), disk)
    return kept


def _first_of_each(path: Path, attempts: Mapping[str, int]) -> Iterator[Found]:
    given: set[str] = set()
    for found in read_rows(path):
        if _is_true(found, attempts) and found.name not in given:
            given.add(found.name)
            yield found


def _is_true(found: Found, attempts: Mapping[str, int]) -> bool:
    return attempts.get(found.name) == found.attempt


def _is_newest(found: Found, newest: Mapping[str, int]) -> bool:
    """Whether a row stays; of what is torn nobody knows whose it was."""
    return bool(found.name) and newest.get(found.name, found.attempt) == found.attempt


def _head(content: bytes) -> _Row | None:
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _head_slowly(content)


def _head_slowly(content: bytes) -> _Row | None:
    """Look into a row that holds lone surrogates, or is none."""
    try:
        return msgspec.convert(decode(content), _Row)
    except ValueError:
        return None


def _append_rows(directory: Path, run: str, names: list[str], disk: Disk) -> None:
    archive = Archive(directory / JOURNAL, names)
    with ExitStack() as stack:
        opened: dict[bool, int] = {}
        for completed, file in ((True, TRAJECTORIES), (False, FAILED)):
            opened[completed] = disk.extend(directory / file)
            stack.callback(disk.close, opened[completed])
        for session in map(archive.fold, names):
            completed = session.ended is not None and session.ended.outcome == "completed"
            write_all(disk, opened[completed], _line(session, run))


def _line(session: Session, run: str) -> bytes:
    try:
        return encode(row.render(session, run)) + b"\n"
    except (RecorderError, ValueError, RecursionError):
        # What has no form as a row had none when it ended, either: no reason not to go on.
        return b""


def _pieces(rows: Iterable[Found]) -> Iterator[bytes]:
    """Join rows to pieces: a write for each would take longer than all else."""
    piece: list[bytes] = []
    size = 0
    for found in rows:
        piece += (found.content, b"\n")
        size += len(found.content) + 1
        if size > _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)
