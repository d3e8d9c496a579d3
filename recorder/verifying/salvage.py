"""Save what is sound of a damaged run, in a run directory of its own.

The sound beginning of every session is written again, line by line as it was; rows and statistics
are made again from it. A session that lost its end has not ended and can go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import anyio.to_thread
import msgspec

from recorder import files
from recorder.errors import CorruptJournalError, JournalError, RunDirectoryError, RunExistsError
from recorder.events import Event, SegmentOpened, SessionStarted, ToolsDeclared, Unknown, tools_hash
from recorder.json_text import encode
from recorder.messages import Json
from recorder.opening import open_record
from recorder.record import Record
from recorder.verifying.faults import Fault
from recorder.verifying.scanning import Seen, scan
from recorder.verifying.sound import SoundFolding, is_named_right
from recorder.verifying.survey import Survey
from recorder.verifying.verdict import Verdict

SALVAGE = "salvage.json"

Tools: TypeAlias = Sequence[tuple[dict[str, Json], ...]]


class Shortened(msgspec.Struct, frozen=True):
    """A session that was saved in part; of ``kept`` events none where it was left out."""

    session: str
    kept: int
    why: str


class Salvaged(msgspec.Struct, frozen=True):
    """What was saved, and what was not and why.

    ``left_out`` counts events that can be read and are not sound; what can't be read is among the
    ``faults``. ``copied`` are files that were copied as they are.
    """

    source: str
    directory: str
    run: str
    sessions: int
    events: int
    rows: int
    left_out: int
    shortened: tuple[Shortened, ...]
    copied: tuple[str, ...]
    faults: tuple[Fault, ...]
    fault_counts: dict[str, int]


def check_place(directory: Path, out: Path) -> None:
    """Refuse a place where a salvaged run would overwrite something.

    Raises:
        RunExistsError: there is something already.
        RunDirectoryError: it is in the run itself.
    """
    if out.exists() or out.is_symlink():
        raise RunExistsError(f"{out} is there already: name a folder that is not")
    if directory.resolve() in out.resolve().parents:
        raise RunDirectoryError(f"{out} lies in the run, which is not touched: name another place")


async def salvage(
    survey: Survey,
    verdict: Verdict,
    out: Path,
    tools: Tools = (),
    beside: Iterable[str] = (),
) -> Salvaged:
    """Write what is sound of a run that was inspected into the new run directory *out*.

    Args:
        survey: what was inspected.
        verdict: what came of it.
        out: a folder that does not exist yet.
        tools: the lists of tool schemas that the inspection was given.
        beside: names of files that are copied as they are, where there are such.

    Raises:
        RunExistsError: there is something in the place of *out*.
        RunDirectoryError: *out* lies in the run, one of both can't be used, or the run was changed
            since it was inspected.
        JournalError: *out* can't be written.
    """
    check_place(survey.directory, out)
    extras = await anyio.to_thread.run_sync(_read_files, survey.directory, beside)
    async with open_record(out, run=survey.run or None) as record:
        saving = _Saving(survey, verdict, record, tools)
        await saving.save(survey)
    salvaged = saving.report(verdict, tuple(extras))
    extras[SALVAGE] = msgspec.json.format(encode(salvaged), indent=2) + b"\n"
    try:
        for name, content in extras.items():
            await files.replace(out / name, content)
    except OSError as error:
        raise JournalError(f"{out} can't be written: {error}") from error
    return salvaged


class _Saving:
    def __init__(self, survey: Survey, verdict: Verdict, record: Record, tools: Tools) -> None:
        self.sessions = self.events = self.rows = self.left_out = 0
        self._source = survey.directory
        self._record = record
        self._cuts = dict(verdict.cuts)
        self._folding = SoundFolding(survey.last, self._cuts, tools)
        self._schemas = {tools_hash(schemas): schemas for schemas in tools}

    async def save(self, survey: Survey) -> None:
        """Write everything that is sound.

        Raises:
            RunDirectoryError: the journal can't be read any more.
        """
        try:
            for number, sighting in enumerate(chain.from_iterable(map(scan, survey.extents))):
                if isinstance(sighting, Seen):
                    await self._take(sighting)
                    await self._close_after(number, sighting.entry.event.session)
        except (OSError, CorruptJournalError) as error:
            raise RunDirectoryError(f"the journal can't be read any more: {error}") from error
        for name in self._folding.open():
            await self._close(name)

    def report(self, verdict: Verdict, copied: tuple[str, ...]) -> Salvaged:
        """Say what was saved."""
        return Salvaged(
            source=str(self._source),
            directory=str(self._record.directory),
            run=self._record.run,
            sessions=self.sessions,
            events=self.events,
            rows=self.rows,
            left_out=self.left_out,
            shortened=tuple(Shortened(n, cut.kept, cut.why) for n, cut in verdict.cuts.items()),
            copied=copied,
            faults=verdict.faults,
            fault_counts=verdict.fault_counts,
        )

    async def _take(self, seen: Seen) -> None:
        event = seen.entry.event
        if isinstance(event, ToolsDeclared):
            if is_named_right(event):
                self._schemas[event.tools_hash] = event.tools
                self._folding.add(seen.entry)
        elif isinstance(event, SegmentOpened) or not event.session:
            return  # the new segments have facts of their own
        elif self._folding.add(seen.entry):
            await self._write(event, seen.body)
        else:
            cut = self._cuts.get(event.session)
            self.left_out += cut is not None and event.seq >= cut.kept

    async def _write(self, event: Event, body: bytes) -> None:
        if isinstance(event, SessionStarted) and event.tools_hash:
            await self._record.journal.declare(self._schemas[event.tools_hash])
        line = Unknown(event="", session=event.session, seq=event.seq, ts=event.ts, raw=body)
        await self._record.journal.accept(line)  # byte for byte, whatever is in it
        self._record.statistics.add(event)
        self.events += 1
        self.sessions += event.seq == 0

    async def _close_after(self, number: int, name: str) -> None:
        if self._folding.is_over(name, number):
            await self._close(name)

    async def _close(self, name: str) -> None:
        session = self._folding.session(name)
        self._folding.forget(name)
        if session.ended:
            await self._record.finish(session)
            self.rows += 1


def _read_files(directory: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Read the files that there are.

    Raises:
        RunDirectoryError: one can't be read.
    """
    paths = [directory / name for name in names]
    try:
        return {path.name: path.read_bytes() for path in paths if path.is_file()}
    except OSError as error:
        raise RunDirectoryError(f"the run can't be read: {error}") from error
