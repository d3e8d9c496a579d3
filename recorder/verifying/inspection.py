"""Look at every line, session and row of a run; all faults are noted, none is raised.

One pass over the journal, from the first segment to the last. A session is folded while its lines
come, and compared with its row and forgotten after the last of them: memory is flat in the number
of finished sessions but for some words on each.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import (
    SCHEMA,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolsDeclared,
    Unknown,
)
from recorder.messages import Json
from recorder.reader import Torn
from recorder.verifying.calls import misfits
from recorder.verifying.comparing import Comparison
from recorder.verifying.counting import Counting
from recorder.verifying.rows import file_of
from recorder.verifying.scanning import Corrupt, Extent, Seen, scan
from recorder.verifying.sound import SoundFolding, is_named_right
from recorder.verifying.survey import Survey
from recorder.verifying.verdict import Counts, StatisticsState, Verdict

_DAMAGE = ("segments", "lines", "order", "tools", "calls")


def inspect(survey: Survey, tools: Iterable[tuple[dict[str, Json], ...]] = ()) -> Verdict:
    """Check everything there is; a survey can be inspected once.

    Args:
        survey: what is to be looked at.
        tools: lists of tool schemas that are known from elsewhere, for a journal that lost them.

    Raises:
        RunDirectoryError: the journal can't be read any more.
    """
    inspection = _Inspection(survey, tools)
    try:
        # A live run removes a segment where there was no room for its first facts.
        may_be = () if survey.pid is None else (FileNotFoundError,)
        for extent in survey.extents:
            with suppress(*may_be):
                inspection.read(extent)
    except OSError as error:
        raise RunDirectoryError(f"the journal can't be read: {error}") from error
    return inspection.finish()


class _Inspection:
    def __init__(self, survey: Survey, tools: Iterable[tuple[dict[str, Json], ...]]) -> None:
        self._survey = survey
        self._faults = survey.faults
        self._folding = SoundFolding(survey.last, {}, tools)
        self._comparison = Comparison(survey)
        self._counting = Counting(survey.statistics)
        self._torn: list[Torn] = []
        self._tools: set[str] = set()
        self._declared: set[str] = set()
        self._lines = 0

    def read(self, extent: Extent) -> None:
        """Look at every line of one segment."""
        self._declared = set()
        for sighting in scan(extent):
            if isinstance(sighting, Seen):
                self._look(sighting)
            elif isinstance(sighting, Corrupt):
                what = f"{sighting.why} ({sighting.size:,} bytes)"
                self._faults.add("lines", what, sighting.place)
            elif self._survey.pid is None:
                self._torn.append(sighting)
            self._lines += 1

    def finish(self) -> Verdict:
        """Judge what only the end shows."""
        for name in self._folding.open():
            self._close(name)
        for name in self._folding.cuts:
            self._comparison.skip(name)
        survey, counting = self._survey, self._counting
        settled = survey.pid is None and not counting.not_ended and not self._folding.cuts
        self._comparison.finish(settled=settled)
        return Verdict(
            run=survey.run,
            pid=survey.pid,
            counts=self._counts(),
            outcomes=dict(sorted(counting.outcomes.items())),
            statistics=self._judge_statistics(settled=settled),
            torn=tuple(self._torn),
            torn_rows={file_of(completed=c): len(tail) for c, tail in survey.rows.torn.items()},
            faults=tuple(self._faults.kept),
            fault_counts=dict(self._faults.counts),
            cuts=self._folding.cuts,
        )

    def _look(self, seen: Seen) -> None:
        event = seen.entry.event
        if seen.place.line == 1 or isinstance(event, SegmentOpened):
            self._check_heading(seen)
        if self._is_of_use(seen):
            self._fold(seen)
        if self._folding.is_over(event.session, self._lines):
            self._close(event.session)

    def _is_of_use(self, seen: Seen) -> bool:
        """Check what an event refers to; gives whether it can be taken."""
        event = seen.entry.event
        if isinstance(event, ToolsDeclared):
            return self._check_declaration(seen, event)
        if not event.session and not isinstance(event, SegmentOpened | Unknown):
            self._faults.add("order", "it does not say which session it is about", seen.place)
            return False
        return not isinstance(event, SessionStarted) or self._check_tools(seen, event)

    def _fold(self, seen: Seen) -> None:
        event, name = seen.entry.event, seen.entry.event.session
        if isinstance(event, SessionResumed):
            self._check_calls(name)
        try:
            if not self._folding.add(seen.entry):
                return
        except CorruptJournalError as error:
            self._faults.add("order", str(error), seen.place, name)
            return
        self._counting.add(event)
        session = self._folding.session(name)
        if isinstance(event, SessionEnded):
            self._check_calls(name)
        why = self._comparison.note(session, event)
        if why and session.ended:
            self._faults.add("rows", why, seen.place, name)
            self._folding.cut(name, session.ended.seq, why)

    def _check_calls(self, name: str) -> None:
        """Judge what a session came to: when it ends, and before it goes on or is forgotten."""
        cut = self._folding.cuts.get(name)
        for seq, what in misfits(self._folding.session(name)):
            if cut is None or seq < cut.kept:
                self._faults.add("calls", what, session=name)
                self._folding.cut(name, seq, what)

    def _check_heading(self, seen: Seen) -> None:
        """Check how a segment begins, and that no other line looks like its beginning."""
        event, what = seen.entry.event, ""
        if not isinstance(event, SegmentOpened):
            what = "a segment does not begin like this"
        elif seen.place.line > 1:
            what = "only the first line of a segment says this"
        elif not 1 <= event.schema <= SCHEMA:
            what = f"schema {event.schema} is not known here, only 1 to {SCHEMA}"
        elif event.run != self._survey.run:
            what = f"this segment is of the run {event.run!r:.80}, not {self._survey.run!r:.80}"
        if what:
            self._faults.add("segments", what, seen.place)

    def _check_tools(self, seen: Seen, event: SessionStarted) -> bool:
        """Check that the tools a session refers to are known; gives whether they are."""
        if event.tools_hash in ("", *self._declared):
            return True
        known = event.tools_hash in self._folding.tools
        where = "in this segment" if known else "anywhere"
        what = f"tools {event.tools_hash!r:.80} were not declared {where} before they are used"
        self._faults.add("tools", what, seen.place, event.session)
        if known:
            self._declared.add(event.tools_hash)  # once is enough
        else:
            self._folding.cut(event.session, event.seq, what)
        return known

    def _check_declaration(self, seen: Seen, event: ToolsDeclared) -> bool:
        """Check that tools have the name they are declared under; gives whether they have."""
        if is_named_right(event):
            self._declared.add(event.tools_hash)
            self._tools.add(event.tools_hash)
            return True
        what = f"these are not the tools that {event.tools_hash!r:.80} stands for"
        self._faults.add("tools", what, seen.place)
        return False

    def _close(self, name: str) -> None:
        """Judge a session of which no more will be read."""
        session = self._folding.session(name)
        if session.ended is None:
            self._check_calls(name)
        self._folding.forget(name)
        if name in self._folding.cuts:
            self._comparison.skip(name)
        else:
            self._counting.close(session)
            self._comparison.compare(session)

    def _judge_statistics(self, *, settled: bool) -> StatisticsState:
        damaged = any(self._faults.counts[check] for check in _DAMAGE)
        state = self._counting.judge(settled=settled and not damaged)
        if state == "wrong":
            self._faults.add("statistics", "statistics.json is not what the journal comes to")
        return state

    def _counts(self) -> Counts:
        counting, comparison = self._counting, self._comparison
        ended = sum(counting.outcomes.values())
        return Counts(
            segments=len(self._survey.extents),
            bytes=sum(extent.size for extent in self._survey.extents),
            lines=self._lines,
            events=counting.events,
            repeated=self._folding.repeated,
            unknown=counting.unknown,
            tools=len(self._tools),
            calls=counting.calls,
            results=counting.results,
            sessions=ended + counting.not_ended + len(self._folding.cuts),
            not_ended=counting.not_ended,
            damaged=len(self._folding.cuts),
            rows=self._survey.rows.count,
            equal=comparison.equal,
            outdated=len(comparison.outdated),
            unchecked=comparison.unchecked,
            late=comparison.late,
            torn=comparison.torn,
        )
