"""Where every session of a journal stands, flat in memory: what a run needs to go on.

A session is a few words here; :mod:`recorder.archive` gives one whole.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from recorder.events import (
    CRASHED,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
)
from recorder.reader import Entry, Order, Torn, contradiction, read
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
