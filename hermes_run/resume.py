"""Going on with a run: which sessions are kept, which go on, which are begun.

State is the fold of the journal. A recorded reply is never asked for again and a recorded result
never run again; a session that is over is not touched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
from anyio import to_thread

from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.job import Going, Job
from hermes_run.prompts import Prompt, read_prompts
from recorder.archive import Archive
from recorder.messages import Json, Outcome
from recorder.record import Record
from recorder.run_directory import JOURNAL
from recorder.standing import Standing, Standings

FAILED: tuple[Outcome, ...] = ("model_error", "tool_error", "interrupted")
"""Outcomes that a resumption tries again unasked."""


_NAMED = 5
"""Changed rows that are named one by one."""


class Choices(msgspec.Struct, frozen=True):
    """What a resumption was asked to do beside going on.

    ``restart_failed`` begins failed sessions anew, ``retry`` names outcomes to try again beside
    those that failed.
    """

    restart_failed: bool = False
    retry: tuple[Outcome, ...] = ()

    def goes_on(self, standing: Standing) -> bool:
        """Whether the session is to go on."""
        return not standing.over or standing.ended in (*FAILED, *self.retry)


class Rows(msgspec.Struct, frozen=True):
    """How the prompts file compares with the record: keys of rows that changed, and that are gone.

    ``gone`` names sessions, ``changed`` prompts.
    """

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


async def compare_rows(path: Path, settings: Settings, standings: Standings) -> Rows:
    """Read the prompts file once, before anything is spent, and compare it with the record.

    Raises:
        OSError: the file can't be read.
    """
    hashes = {each.prompt_key: each.row_hash for each in standings.sessions.values()}
    present, changed = set[str](), list[str]()
    async for row in read_prompts(path, settings.system):
        if not isinstance(row, Prompt) or row.key not in hashes:
            continue
        present.add(row.key)
        if hashes[row.key] != row.row_hash:
            changed.append(row.key)
    sessions = standings.sessions.items()
    gone = tuple(name for name, each in sessions if each.prompt_key not in present)
    return Rows(tuple(changed), gone)


class Resumption:
    """Gives the jobs of a run that are left to do.

    Args:
        directory: the run directory.
        standings: where its sessions stand.
        choices: what is to go on.
        drift: the settings that changed, recorded with every session that goes on.
        rows: how the prompts file compares with the record.
    """

    def __init__(
        self,
        directory: Path,
        standings: Standings,
        choices: Choices,
        drift: tuple[str, ...] = (),
        rows: Rows = Rows(),  # noqa: B008  # frozen
    ) -> None:
        self.standings = standings
        self.rows = rows
        self._choices = choices
        self._drift = drift
        self._changed = frozenset(rows.changed)
        going = [name for name, each in standings.sessions.items() if choices.goes_on(each)]
        self._archive = Archive(directory / JOURNAL, going)
        self.going = len(going)

    async def jobs(self, jobs: AsyncIterator[Job]) -> AsyncIterator[Job]:
        """Give those of *jobs* that are not over; a session that goes on comes with its past."""
        async for job in jobs:
            name = job.session_id
            if name not in self.standings.sessions:
                yield job
            elif name in self._archive:
                yield msgspec.structs.replace(job, going=await self._going(job))

    async def end_gone(self, record: Record) -> None:
        """End what was in flight of rows that are gone, so that every session has an end."""
        for name in self.rows.gone:
            if not self.standings.sessions[name].over:
                recording = await record.resume(await to_thread.run_sync(self._archive.fold, name))
                await recording.end("interrupted", reason="row_gone")
                await record.finish(recording.session)

    async def _going(self, job: Job) -> Going:
        session = await to_thread.run_sync(self._archive.fold, job.session_id)
        ended = session.ended.outcome if session.ended else None
        drift = (*self._drift, *(("row",) if job.prompt.key in self._changed else ()))
        return Going(
            session=session,
            anew=self._choices.restart_failed and ended is not None,
            settle=ended == "uncertain",
            drift=drift,
        )


def refuse_drift(changed: Mapping[str, tuple[Json, Json]], rows: Rows) -> None:
    """Refuse to go on with what would make a run's rows of two kinds, naming each.

    Raises:
        UsageError: a semantic setting or a row's content changed.
    """
    said = [f"  {name}: {old!r} is now {new!r}" for name, (old, new) in changed.items()]
    said += [f"  row {key!r} has another content" for key in rows.changed[:_NAMED]]
    if len(rows.changed) > _NAMED:
        said.append(f"  and {len(rows.changed) - _NAMED} more rows")
    if said:
        listed = "\n".join(said)
        raise UsageError(
            f"the run was begun with something else:\n{listed}\n"
            "Leave these as they were, or go on all the same with --allow-drift, which records "
            "the difference."
        )
