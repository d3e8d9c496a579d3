"""Whether the rows of a session are what the journal says of it."""

from __future__ import annotations

import msgspec

from recorder.errors import RecorderError
from recorder.events import Event, SessionResumed
from recorder.session import Session
from recorder.verifying.rows import Row, differences, digest, file_of, write_row
from recorder.verifying.survey import Survey

_UNWRITABLE = (RecorderError, ValueError, RecursionError)


class _Made(msgspec.Struct):
    """The rows that were made of a session: the newest, and digests of those before.

    ``last`` are of its last end, ``earlier`` of attempts before.
    """

    row: bytes = b""
    last: set[bytes] = msgspec.field(default_factory=set[bytes])
    earlier: set[bytes] = msgspec.field(default_factory=set[bytes])


class Comparison:
    """Compares the rows of one session after the other with the journal.

    A session may be scored when its row is written already, and one that goes on leaves its row
    behind until the run ends: for those it is remembered what their rows were.

    ``equal`` rows are right, ``unchecked`` ones are of damaged sessions, ``outdated`` ones of
    earlier attempts. ``late`` sessions have none yet, and the rows of ``torn`` were being written.
    """

    def __init__(self, survey: Survey) -> None:
        self.equal = self.late = self.torn = self.unchecked = 0
        self.outdated: list[tuple[str, Row]] = []
        self._survey = survey
        self._rows = survey.rows
        self._faults = survey.faults
        self._made: dict[str, _Made] = {}

    def note(self, session: Session, event: Event) -> str:
        """Make the row of a session after *event*, if it has one; gives why it can't be made."""
        if isinstance(event, SessionResumed):
            made = self._made.setdefault(session.id, _Made())
            made.earlier |= made.last
            made.last = set()
        elif session.ended:
            try:
                row = write_row(session, self._survey.run)
            except _UNWRITABLE as error:
                return f"no row can be made of it: {error}"
            made = self._made.setdefault(session.id, _Made())
            made.row = row
            made.last.add(digest(row))
        return ""

    def skip(self, name: str) -> None:
        """Leave the rows of a damaged session alone."""
        self._made.pop(name, None)
        self.unchecked += len(self._rows.take(name))

    def compare(self, session: Session) -> None:
        """Compare the rows of a session whose last line was read."""
        made, rows = self._made.pop(session.id, _Made()), self._rows.take(session.id)
        self.outdated += [(session.id, found) for found in rows if found.digest in made.earlier]
        rows = [found for found in rows if found.digest not in made.earlier]
        if session.ended:
            self._judge(session, rows, made)
            return
        for found in rows:
            what = "it has a row, but it has not ended"
            self._faults.add("rows", what, found.place, session.id)

    def finish(self, *, settled: bool) -> None:
        """Judge what is left when all sessions were compared.

        Args:
            settled: nobody owns the run, and each of its sessions has ended.
        """
        for name, found in self._rows.left():
            what = "this row is of no session in the journal"
            self._faults.add("rows", what, found.place, name)
        for name, found in self.outdated if settled else ():
            what = "this row is of an earlier attempt"
            self._faults.add("rows", what, found.place, name)

    def _judge(self, session: Session, rows: list[Row], made: _Made) -> None:
        right = session.ended is not None and session.ended.outcome == "completed"
        true = 0
        for found in rows:
            if found.digest not in made.last:
                keys = differences(self._survey.directory, found, made.row)
                what = f"its row differs from the journal in {keys}"
            elif found.completed != right:
                what = f"its row belongs into {file_of(completed=right)}"
            elif true:
                what = "this is its second row"
            else:
                true = 1
                continue
            self._faults.add("rows", what, found.place, session.id)
        self.equal += true
        if not rows:
            self._miss(session.id, made.row, completed=right)

    def _miss(self, name: str, row: bytes, *, completed: bool) -> None:
        torn = self._rows.torn.get(completed)
        if torn and row.startswith(torn):
            self.torn += 1
        elif self._survey.pid is not None:
            self.late += 1
        else:
            what = f"it has no row in {file_of(completed=completed)}: going on with the run adds it"
            self._faults.add("rows", what, session=name)
