"""Rows that agree with the journal again, after a crash or when sessions went on.

A row is the last word on a session, so a session that goes on leaves a row behind that is no
longer true; which attempt a row is of stands in it. Rows are also missing where the process died
between the end and the row. A file is written anew beside the old one and put in its place in one
piece; one that is right is not touched. A row is right if it can be read and its session, attempt
and outcome are those of the journal; all else in it is compared by :mod:`recorder.verifying`.

A row is written after the end of its session is durable. One of an end that the journal does not
know proves that acknowledged facts are gone, and nothing goes on without them. Only a run that
waited for no disk may lose some, in a power cut: such rows are kept aside.

Everything here blocks, and nobody else may append to the files meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from recorder import files
from recorder.archive import Archive
from recorder.disk import Disk, write_all
from recorder.errors import CorruptJournalError, RecorderError
from recorder.formats import row
from recorder.json_text import decode, encode
from recorder.reader import lines
from recorder.run_directory import FAILED, JOURNAL, LOST, TRAJECTORIES
from recorder.session import Session
from recorder.standing import Standing, Standings

_PIECE = 2**20
_NAMED = 5
"""Sessions that are named one by one."""


class _Timing(msgspec.Struct, frozen=True):
    attempts: int = 1


class _Row(msgspec.Struct, frozen=True):
    """All that a row is looked at for."""

    id: str = ""
    outcome: str = ""
    timing: _Timing = _Timing()


_decoder = msgspec.json.Decoder(_Row)


class Found(msgspec.Struct, frozen=True):
    """A line of a file of rows: of which session, attempt and outcome; a torn one is of none."""

    name: str
    attempt: int
    outcome: str
    content: bytes


class Sifted(msgspec.Struct, frozen=True):
    """How the rows of a run compare with its journal.

    Sessions in ``missing`` have ended and have no row, the files ``untrue`` hold rows that are to
    go, and of the sessions in ``lost`` the journal does not know the end that they have a row of.
    """

    missing: tuple[str, ...]
    untrue: tuple[str, ...]
    lost: tuple[str, ...]


def sift(directory: Path, standings: Standings) -> Sifted:
    """Compare the rows in *directory* with the journal; nothing is changed.

    Raises:
        OSError: a file can't be read.
        CorruptJournalError: the journal lost sessions that have rows, and may not have.
    """
    kept, lost = set[str](), dict[str, None]()
    untrue: list[str] = []
    for file in (TRAJECTORIES, FAILED):
        for found in read_rows(directory / file):
            standing = standings.sessions.get(found.name)
            if _is_true(found, standing, file) and found.name not in kept:
                kept.add(found.name)
                continue
            if file not in untrue:
                untrue.append(file)
            if _is_lost(found, standing):
                lost[found.name] = None
    if lost and not standings.unsynced:
        raise CorruptJournalError(_said(list(lost)))
    missing = (name for name, each in standings.sessions.items() if each.over and name not in kept)
    return Sifted(tuple(missing), tuple(untrue), tuple(lost))


def mend(
    directory: Path,
    standings: Standings,
    disk: Disk | None = None,
    sifted: Sifted | None = None,
) -> int:
    """Make the rows in *directory* say what the journal says; gives how many were missing.

    Args:
        directory: the run directory.
        standings: where the sessions stand.
        disk: what to write with.
        sifted: what :func:`sift` gave, where that was asked before.

    Raises:
        OSError: a file can't be read or written.
        CorruptJournalError: a session can't be folded, or the journal lost some that have rows.
    """
    disk, sifted = disk or Disk(), sifted or sift(directory, standings)
    files.sweep(directory, disk)
    if sifted.lost:
        files.put(directory / LOST, _pieces(_with_lost(directory, standings)), disk)
    for file in sifted.untrue:
        files.put(directory / file, _pieces(_first_of_each(directory / file, standings)), disk)
    if sifted.missing:
        _append_rows(directory, standings.run, sifted.missing, disk)
    return len(sifted.missing)


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
        yield Found(head.id, head.timing.attempts, head.outcome, line.content)


def _with_lost(directory: Path, standings: Standings) -> Iterator[Found]:
    """Give the rows that were kept aside before, then those that are to be."""
    yield from read_rows(directory / LOST)
    for file in (TRAJECTORIES, FAILED):
        for found in read_rows(directory / file):
            if _is_lost(found, standings.sessions.get(found.name)):
                yield found


def _first_of_each(path: Path, standings: Standings) -> Iterator[Found]:
    given: set[str] = set()
    for found in read_rows(path):
        standing = standings.sessions.get(found.name)
        if _is_true(found, standing, path.name) and found.name not in given:
            given.add(found.name)
            yield found


def _is_true(found: Found, standing: Standing | None, file: str) -> bool:
    """Whether a row in *file* is of its session's last attempt, and says how that ended."""
    if standing is None or standing.late or not standing.over:
        return False
    right = TRAJECTORIES if standing.ended == "completed" else FAILED
    told = (found.attempt, found.outcome, file)
    return told == (standing.attempt, standing.ended, right)


def _is_lost(found: Found, standing: Standing | None) -> bool:
    """Whether a row is of an end that the journal does not know."""
    if not (found.name and found.outcome):
        return False  # it is no row
    if standing is None or found.attempt > standing.attempt:
        return True
    return found.attempt == standing.attempt and not standing.over


def _said(names: list[str]) -> str:
    named = ", ".join(f"{name!r:.80}" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    count = "1 session has a row" if len(names) == 1 else f"{len(names):,} sessions have rows"
    return f"acknowledged facts are lost: {count} and no end in the journal: {named}{more}"


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


def _append_rows(directory: Path, run: str, names: Sequence[str], disk: Disk) -> None:
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
