"""Where every session of a journal stands, flat in memory: what a run needs to go on.

A session is a few words here. Those that are to go on are folded whole in a second reading, which
looks only at the name on every other line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    CRASHED,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
)
from recorder.framing import checksum, unframe
from recorder.reader import Entry, Folding, Line, Order, Torn, contradiction, lines, read
from recorder.segment import segments
from recorder.session import Session
from recorder.statistics import StatisticsFold


class Standing(msgspec.Struct, frozen=True):
    """Where one session stands; ``ended`` is its outcome, or ``crashed`` where nothing says."""

    prompt_key: str
    row_hash: str
    sample: int
    ended: str = CRASHED
    attempt: int = 1

    @property
    def over(self) -> bool:
        """Whether its last attempt has an end, and so a row."""
        return self.ended != CRASHED


class Standings(msgspec.Struct, frozen=True):
    """A journal read to its end; sessions are in the order in which they started."""

    run: str
    sessions: dict[str, Standing]
    statistics: StatisticsFold
    torn: tuple[Torn, ...]


def stand(directory: Path) -> Standings:
    """Read the journal in *directory*, checking every line.

    Raises:
        CorruptJournalError: a line does not check, or contradicts an earlier one.
        RunDirectoryError: there is no such folder, or it can't be read.
    """
    order, statistics = Order(), StatisticsFold()
    sessions: dict[str, Standing] = {}
    torn: list[Torn] = []
    run = ""
    for entry in read(directory):
        if isinstance(entry, Torn):
            torn.append(entry)
        elif isinstance(entry.event, SegmentOpened):
            run = run or entry.event.run
        elif entry.event.session and order.admit(entry):
            statistics.add(entry.event)
            _note(sessions, entry)
    return Standings(run, sessions, statistics, tuple(torn))


def fold_some(directory: Path, names: Collection[str]) -> dict[str, Session]:
    """Fold the sessions called *names* and no others.

    Raises:
        CorruptJournalError: a line of theirs contradicts an earlier one.
        RunDirectoryError: there is no such folder, or it can't be read.
    """
    folding = Folding()
    try:
        for entry in _of(directory, names):
            folding.add(entry)
    except OSError as error:
        raise RunDirectoryError(f"the journal can't be read: {error}") from error
    return folding.sessions


class _Name(msgspec.Struct):
    """All that a line is looked at for."""

    session: str = ""


_decoder = msgspec.json.Decoder(_Name)


def _of(directory: Path, names: Collection[str]) -> Iterator[Entry]:
    """Give the events of some sessions and those about segments; torn tails are passed over."""
    for path in segments(directory):
        for line in lines(path):
            if _is_of(line, names):
                yield Entry(unframe(line.content), path.name, line.number, checksum(line.content))


def _is_of(line: Line, names: Collection[str]) -> bool:
    try:
        name = _decoder.decode(line.content).session
    except msgspec.DecodeError:
        return _is_slowly_of(line, names)
    return not name or name in names


def _is_slowly_of(line: Line, names: Collection[str]) -> bool:
    """Look into a line that holds lone surrogates, or is torn."""
    try:
        name = unframe(line.content).session
    except CorruptJournalError:
        if line.complete:
            raise
        return False
    return not name or name in names


def _note(sessions: dict[str, Standing], entry: Entry) -> None:
    event = entry.event
    if isinstance(event, SessionStarted):
        sessions[event.session] = Standing(event.prompt_key, event.row_hash, event.sample)
    elif event.session not in sessions:
        raise contradiction(entry, f"session {event.session!r} never started")
    elif isinstance(event, SessionEnded):
        standing = msgspec.structs.replace(sessions[event.session], ended=event.outcome)
        sessions[event.session] = standing
    elif isinstance(event, SessionResumed):
        standing = sessions[event.session]
        sessions[event.session] = msgspec.structs.replace(
            standing, ended=CRASHED, attempt=event.attempt
        )
