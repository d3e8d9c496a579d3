"""Going on with a run: which sessions are kept, which go on, which are begun.

State is the fold of the journal. A recorded reply is never asked for again and a recorded result
never run again; a session that is over is not touched.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Container, Mapping
from itertools import islice
from pathlib import Path

import msgspec
from anyio import to_thread

from hermes_run.drift import Change, allowed_rows, earlier_drift
from hermes_run.errors import UsageError
from hermes_run.intake import Intake
from hermes_run.job import Going, Job
from hermes_run.recovery import POISON, is_spent
from recorder.archive import Archive
from recorder.events import tools_hash
from recorder.json_text import canonical
from recorder.mending import Sifted
from recorder.messages import Json, Outcome
from recorder.record import Record
from recorder.run_directory import JOURNAL
from recorder.session import Session
from recorder.standing import Standing, Standings

FAILED: tuple[Outcome, ...] = ("model_error", "tool_error", "interrupted")
"""Outcomes that a resumption tries again unasked."""

_NAMED = 5
"""Rows that are named one by one."""

_NUMBER = re.compile(r"#[0-9]+\Z")
"""What tells a key from an equal one that came before."""

_NOT_UNIQUE = "; its id is not unique, and rows with one id are told apart by their order"


class Choices(msgspec.Struct, frozen=True):
    """What a resumption was asked to do beside going on.

    ``restart_failed`` begins failed sessions anew, ``retry`` names outcomes to try again beside
    those that failed.
    """

    restart_failed: bool = False
    retry: tuple[Outcome, ...] = ()

    def goes_on(self, standing: Standing) -> bool:
        """Whether the session is to go on."""
        if not standing.over or standing.ended in self.retry:
            return True
        return standing.ended in FAILED and (self.restart_failed or standing.reason != POISON)

    def begins_anew(self, session: Session) -> bool:
        """Whether a session that goes on does so from its start; what was in flight never does."""
        if session.ended is None:
            return False
        failed = session.ended.outcome in (*FAILED, "uncertain")
        return is_spent(session) or (self.restart_failed and failed)


class Rows(msgspec.Struct, frozen=True):
    """How the rows compare with the record, and how many there are.

    ``changed`` names prompts whose row has another content now than was recorded or allowed last,
    with the hashes of both, and ``retooled`` those whose own tools are others under the same names;
    ``shared`` are those of them whose id other rows have, too. ``gone`` are sessions that no row
    asks for any more, ``begun`` those that are to be begun, ``going`` those that are to go on.
    """

    rows: int = 0
    rejected: int = 0
    begun: int = 0
    going: int = 0
    changed: Mapping[str, Change] = {}
    retooled: Mapping[str, Change] = {}
    shared: frozenset[str] = frozenset()
    gone: tuple[str, ...] = ()


class Past(msgspec.Struct, frozen=True):
    """What a run was, what is different now, and which rows there are now.

    ``document`` is its ``run.json``, ``changed`` what is not as that says, ``prompts`` where the
    rows come from, ``rejects`` a draft of what is wrong with those that can't be used. ``sifted``
    is how the rows that were written compare with the journal, where that was looked at.
    """

    document: Mapping[str, Json]
    standings: Standings
    rows: Rows
    changed: Mapping[str, Change]
    prompts: Mapping[str, Json]
    rejects: Path
    sifted: Sifted | None = None


async def compare_rows(
    intake: Intake,
    standings: Standings,
    choices: Choices,
    document: Mapping[str, Json] | None = None,
) -> Rows:
    """Read all rows once, before anything is spent, and compare them with the record.

    Args:
        intake: the rows.
        standings: the record.
        choices: what is to go on.
        document: the run's ``run.json``, which says what changes were allowed before.

    Raises:
        OSError: they can't be read.
        UsageError: one can't be used, and the settings are strict.
    """
    gone = dict.fromkeys(standings.sessions)
    contents, tools = _Changes(document, "changed_rows"), _Changes(document, "retooled_rows")
    begun = going = 0
    async for job in intake:
        standing = standings.sessions.get(job.session_id)
        if standing is None:
            begun += 1
            continue
        gone.pop(job.session_id, None)
        goes_on = choices.goes_on(standing)
        going += goes_on
        key = job.prompt.key
        contents.note(key, standing.row_hash, job.prompt.row_hash)
        if goes_on and key not in contents.found and _names_tools(job):
            tools.note(key, standing.tools_hash, _tools_hash(job))
    counts = intake.counts
    return Rows(
        rows=counts.rows,
        rejected=counts.rejected,
        begun=begun,
        going=going,
        changed=contents.found,
        retooled=tools.found,
        shared=_shared([*contents.found, *tools.found], standings),
        gone=tuple(gone),
    )


class _Changes:
    """What is found to be another in some rows than what was recorded, or allowed since."""

    def __init__(self, document: Mapping[str, Json] | None, kind: str) -> None:
        self.found: dict[str, Change] = {}
        self._allowed = allowed_rows(document or {}, kind)

    def note(self, key: str, recorded: str, now: str) -> None:
        """Note what the row *key* was and is, where that differs."""
        if recorded != now and (was := self._allowed.get(key, recorded)) != now:
            self.found[key] = Change(was, now)


def _names_tools(job: Job) -> bool:
    """Whether a row names its own tools; those of the run are looked at apart."""
    return job.prompt.toolsets is not None or job.prompt.tools is not None


def _tools_hash(job: Job) -> str:
    schemas = job.toolbox.schemas
    return tools_hash(schemas) if schemas else ""


def _shared(keys: list[str], standings: Standings) -> frozenset[str]:
    """Those of *keys* that stand for an id which more rows of the record have than one."""
    if not keys:
        return frozenset()
    known = {each.prompt_key for each in standings.sessions.values()}
    return frozenset(key for key in keys if {f"{key}#2", _NUMBER.sub("", key)} & (known - {key}))


class Resumption:
    """Gives the jobs of a run that are left to do.

    Args:
        directory: the run directory.
        past: what the run was.
        choices: what is to go on.
    """

    def __init__(self, directory: Path, past: Past, choices: Choices) -> None:
        self.past = past
        self.sessions = past.standings.sessions
        self._choices = choices
        self._places = {
            name: place
            for place, (name, each) in enumerate(self.sessions.items())
            if choices.goes_on(each)
        }
        self._archive = Archive(directory / JOURNAL, self._places)

    async def jobs(self, jobs: AsyncIterator[Job]) -> AsyncIterator[Job]:
        """Give those of *jobs* that are not over; a session that goes on comes with its past.

        Raises:
            CorruptJournalError: a session can't be folded.
        """
        async for job in jobs:
            name = job.session_id
            if name not in self.sessions:
                yield job
            elif name in self._archive:
                yield msgspec.structs.replace(job, going=await self._going(job))

    async def end_gone(self, record: Record) -> None:
        """End what was in flight and is not asked for any more, so that every session has an end.

        Raises:
            CorruptJournalError: a session can't be folded.
            JournalError: the record can't be written.
        """
        for name in self.past.rows.gone:
            if not self.sessions[name].over:
                recording = await record.resume(await to_thread.run_sync(self._archive.fold, name))
                await recording.end("interrupted", reason="row_gone")
                await record.finish(recording.session)

    @property
    def poisoned(self) -> list[str]:
        """The sessions that ended as poison before."""
        return [name for name, each in self.sessions.items() if each.reason == POISON]

    def waiting(self, record: Record) -> int:
        """Count the sessions that were in flight before, and did not get to go on."""
        sessions = self.sessions.items()
        return sum(not each.over and name not in record.resumed for name, each in sessions)

    async def _going(self, job: Job) -> Going:
        session = await to_thread.run_sync(self._archive.fold, job.session_id)
        return Going(
            session=session,
            anew=self._choices.begins_anew(session),
            settle="uncertain" in self._choices.retry,
            drift=self._drift(session, job),
        )

    def _drift(self, session: Session, job: Job) -> tuple[str, ...]:
        """Name what is not as it was when *session* started."""
        earlier = earlier_drift(self.past.document, self._places[session.id])
        names = dict.fromkeys([*earlier, *self.past.changed])
        names.pop("tools", None)
        if canonical(session.tools) != canonical(job.toolbox.schemas):
            names["tools"] = None
        if self.sessions[session.id].row_hash != job.prompt.row_hash:
            names["row"] = None
        return tuple(names)


def refuse_drift(changed: Mapping[str, Change], rows: Rows) -> None:
    """Refuse to go on with what would make a run's rows of two kinds, naming each.

    Raises:
        UsageError: a semantic setting or a row's content changed.
    """
    said = [f"  {name}: {one.was!r} is now {one.now!r}" for name, one in changed.items()]
    said += _named(rows.changed, "has another content", rows.shared)
    said += _named(rows.retooled, "has other tools under the same names", rows.shared)
    if said:
        listed = "\n".join(said)
        raise UsageError(
            f"the run was begun with something else:\n{listed}\n"
            "Leave these as they were, or go on all the same with --allow-drift, which records "
            "the difference."
        )


def _named(keys: Collection[str], what: str, shared: Container[str]) -> list[str]:
    said = [
        f"  row {key!r} {what}{_NOT_UNIQUE if key in shared else ''}"
        for key in islice(keys, _NAMED)
    ]
    if len(keys) > _NAMED:
        said.append(f"  and so it is with {len(keys) - _NAMED:,} more rows")
    return said
