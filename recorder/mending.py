"""Rows that agree with the journal again, after a crash or when sessions went on.

A row is the last word on a session, so a session that goes on leaves a row behind that is no
longer true. Rows are also missing where the process died between the end and the row. A file is
written anew beside the old one and put in its place in one piece; one that is right is not touched.

Everything here blocks, and nobody else may have the files open.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from recorder.archive import Archive
from recorder.disk import Disk
from recorder.formats import row
from recorder.json_text import encode
from recorder.reader import lines
from recorder.run_directory import FAILED, JOURNAL, TRAJECTORIES
from recorder.standing import Standings


class _Row(msgspec.Struct):
    """All that a row is looked at for."""

    id: str = ""


_decoder = msgspec.json.Decoder(_Row)


def mend(directory: Path, standings: Standings) -> int:
    """Make the rows in *directory* say what the journal says; gives how many were missing.

    Raises:
        OSError: a file can't be read or written.
        CorruptJournalError: a session can't be folded.
    """
    kept = _settle(directory / TRAJECTORIES, _over(standings, completed=True))
    kept |= _settle(directory / FAILED, _over(standings, completed=False))
    sessions = standings.sessions.items()
    missing = [name for name, each in sessions if each.over and name not in kept]
    if missing:
        _append_rows(directory, standings.run, missing)
    return len(missing)


def forget(path: Path, names: Collection[str], size: int) -> None:
    """Drop the rows of the sessions *names* from the first *size* bytes of *path*.

    Raises:
        OSError: it can't be read or written.
    """
    _replace(path, _without(path, names, size))


def _over(standings: Standings, *, completed: bool) -> set[str]:
    """The sessions whose row, if there is one, is the last word on them."""
    return {
        name
        for name, each in standings.sessions.items()
        if each.over and each.attempt == 1 and (each.ended == "completed") == completed
    }


def _settle(path: Path, true: set[str]) -> set[str]:
    """Leave one row in *path* for each of the sessions *true*; gives those that have one."""
    found, surplus = set[str](), 0
    for name, _ in _rows(path):
        surplus += name not in true or name in found
        found.add(name)
    if surplus:
        _replace(path, _first_of_each(path, true))
    return found & true


def _first_of_each(path: Path, names: set[str]) -> Iterator[bytes]:
    left = set(names)
    for name, line in _rows(path):
        if name in left:
            left.remove(name)
            yield line


def _without(path: Path, names: Collection[str], size: int) -> Iterator[bytes]:
    position = 0
    for name, line in _rows(path):
        position += len(line) + 1
        if position > size or name not in names:
            yield line


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give the rows of a file with their ids; one that is torn or can't be read has none."""
    if not path.exists():
        return
    for line in lines(path):
        try:
            name = _decoder.decode(line.content).id if line.complete else ""
        except msgspec.DecodeError:
            name = ""
        yield name, line.content


def _append_rows(directory: Path, run: str, names: list[str]) -> None:
    archive = Archive(directory / JOURNAL, names)
    for session in map(archive.fold, names):
        completed = session.ended is not None and session.ended.outcome == "completed"
        with (directory / (TRAJECTORIES if completed else FAILED)).open("ab") as file:
            file.write(encode(row.render(session, run)) + b"\n")


def _replace(path: Path, rows: Iterable[bytes]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "xb", opener=_private) as file:
            file.writelines(line + b"\n" for line in rows)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    Disk().sync_directory(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
