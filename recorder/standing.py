"""Where every session of a journal stands, flat in memory: what a run needs to go on.

A session is a few words here; :mod:`recorder.archive` gives one whole.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from recorder.events import (
    CRASHED,
    Scored,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    Unknown,
)
from recorder.reader import Entry, Order, Torn, contradiction, read
from recorder.statistics import StatisticsFold


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where one session stands.

    ``ended`` is its last attempt's outcome and ``reason`` that of the end, or ``ended`` is
    ``crashed`` where nothing says. ``late`` tells that something was recorded after the end, which
    a row that was written at the end does not say.
    """

    prompt_key: str
    row_hash: str
    sample: int
    tools_hash: str = ""
    ended: str = CRASHED
    reason: str = ""
    attempt: int = 1
    late: bool = False

    @property
    def over(self) -> bool:
        """Whether its last attempt has an end, and so a row."""
        return self.ended != CRASHED


class Standings(msgspec.Struct, frozen=True):
    """A journal read to its end; sessions are in the order in which they started.

    ``unsynced`` tells that a segment of it waited for no disk: a power cut may have taken its end.
    """

    run: str
    sessions: dict[str, Standing]
    statistics: StatisticsFold
    torn: tuple[Torn, ...] = ()
    unsynced: bool = False


def stand(directory: Path) -> Standings:
    """Read the journal in *directory*, checking every line.

    Raises:
        CorruptJournalError: a line does not check, or contradicts an earlier one.
        RunDirectoryError: there is no such folder, it can't be read, or it is of a later schema.
    """
    order, statistics = Order(), StatisticsFold()
    sessions: dict[str, Standing] = {}
    torn: list[Torn] = []
    run, unsynced = "", False
    for entry in read(directory):
        if isinstance(entry, Torn):
            torn.append(entry)
        elif isinstance(entry.event, SegmentOpened):
            run = run or entry.event.run
            unsynced = unsynced or entry.event.sync == "none"
        elif entry.event.session and order.admit(entry):
            _note(sessions, entry)
            statistics.add(entry.event)
    return Standings(run, sessions, statistics, tuple(torn), unsynced)


def _note(sessions: dict[str, Standing], entry: Entry) -> None:
    event = entry.event
    standing = sessions.get(event.session)
    if isinstance(event, SessionStarted):
        sessions[event.session] = _begun(standing, event, entry)
    elif standing is None:
        if not isinstance(event, Unknown):
            raise contradiction(entry, f"session {event.session!r} never started")
    elif isinstance(event, SessionResumed):
        sessions[event.session] = msgspec.structs.replace(
            standing, ended=CRASHED, reason="", attempt=event.attempt, late=False
        )
    elif standing.over:
        if not isinstance(event, Scored | Unknown):
            raise contradiction(entry, f"session {event.session!r} has ended")
        sessions[event.session] = msgspec.structs.replace(standing, late=True)
    elif isinstance(event, SessionEnded):
        sessions[event.session] = msgspec.structs.replace(
            standing, ended=sys.intern(event.outcome), reason=sys.intern(event.reason)
        )


def _begun(standing: Standing | None, event: SessionStarted, entry: Entry) -> Standing:
    if standing:
        raise contradiction(entry, f"session {event.session!r} started a second time")
    return Standing(
        prompt_key=event.prompt_key,
        row_hash=event.row_hash,
        sample=event.sample,
        tools_hash=sys.intern(event.tools_hash),
    )
