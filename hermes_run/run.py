"""A whole run: a directory, a model, many sessions, and a report whose sum balances."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.abc import ObjectSendStream

from hermes_run.beside import open_rejects, put_in_place, removing_empty, writing
from hermes_run.brake import Brake
from hermes_run.config import Settings
from hermes_run.errors import ungrouped
from hermes_run.feed import feed
from hermes_run.intake import Intake
from hermes_run.models.source import Source
from hermes_run.plan import Plan
from hermes_run.prompts import Prompt, Reject
from hermes_run.report import Poisoned, Report
from hermes_run.resume import Resumption
from hermes_run.run_json import (
    REJECTS,
    RUN,
    asked,
    asked_again,
    folder_of,
    idle_of,
    write_run_json,
)
from hermes_run.sandboxes.choosing import open_wall
from hermes_run.scheduler import Draw, schedule
from hermes_run.shared import open_plan, read_prefill
from hermes_run.stragglers import leave_stragglers
from hermes_run.throttle.door import OwnDoor
from hermes_run.tools.shelf import Shelf
from hermes_run.workers.crew import Crew
from hermes_run.workspace import FOLDERS, sweep_workspaces
from recorder.journal import JournalSettings
from recorder.messages import Json
from recorder.opening import open_record, reopen_record
from recorder.record import Record
from recorder.session import Session
from recorder.settings import JournalStatistics

REFRESH_S = 10.0
"""How often ``statistics.json`` is replaced while running, in seconds."""

Rows: TypeAlias = AsyncIterator[Prompt | Reject]


class Run:
    """An open run; made by :func:`open_run` and :func:`reopen_run`."""

    def __init__(
        self,
        plan: Plan,
        intake: Intake,
        resumption: Resumption | None = None,
        document: Mapping[str, Json] | None = None,
        door: OwnDoor | None = None,
    ) -> None:
        self._document = document or {}
        self.plan = plan
        self.intake = intake
        jobs = resumption.jobs(intake) if resumption else intake
        jobs = leave_stragglers(jobs, plan, self._document, resumption)
        self._draw = Draw(jobs, plan.brake)
        self._crew = Crew(plan, self._draw, door) if door and plan.settings.workers > 1 else None
        self._resumption = resumption
        self._poisoned = Poisoned(resumption.poisoned if resumption else ())
        self.record.send_also_to(self._poisoned)
        self._in_flight = anyio.CancelScope()
        self._draining = anyio.Event()

    @property
    def record(self) -> Record:
        """The run's record."""
        return self.plan.record

    @property
    def journal(self) -> JournalStatistics:
        """How the journal stands, whoever writes it."""
        return self._crew.journal() if self._crew else self.record.journal.statistics()

    @property
    def paused(self) -> str | None:
        """Why facts or rows wait to be written, if they do."""
        return self.journal.paused or self.record.paused

    @property
    def notices(self) -> list[str]:
        """What the workers' servers of tools came to."""
        return self._crew.notices if self._crew else []

    @property
    def gone(self) -> int:
        """How many sessions were recorded before that no row asks for any more."""
        return len(self._resumption.past.rows.gone) if self._resumption else 0

    @property
    def brake(self) -> Brake:
        """What stops the run early."""
        return self.plan.brake

    async def finish(self, finished: ObjectSendStream[Session] | None = None) -> Report:
        """Run every session; gives what came of it.

        Raises:
            JournalError: the record can't be written.
            CorruptJournalError: a session that goes on can't be folded.
            UsageError: a row can't be used, and the settings are strict.
        """
        with ungrouped():
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._refresh)
                beside.start_soon(self._watch_deadline)
                beside.start_soon(self._heed)
                beside.start_soon(self._drain)
                with self._in_flight:
                    await self._run_all(finished)
                beside.cancel_scope.cancel()
        await self.intake.finish_counting()
        return self._report()

    async def _run_all(self, finished: ObjectSendStream[Session] | None) -> None:
        if self._crew:
            await self._crew.run()
        else:
            await schedule(self._draw, self.plan, finished)

    def drain(self) -> None:
        """Give what is in flight the drain time from now on; a clock that runs already runs on."""
        self._draining.set()

    def cancel(self) -> None:
        """Give up what is in flight, and waiting for room: it is interrupted, and finish ends."""
        self._in_flight.cancel()
        self.record.wait_no_more()
        self.intake.wait_no_more()

    @property
    def _cut(self) -> int:
        """Sessions whose process died when they were to be given up."""
        return self._crew.cut if self._crew else 0

    def _report(self) -> Report:
        past, counts = self._resumption, self.intake.counts
        before = len(past.sessions) if past else 0
        statistics = self.record.statistics.value()
        return Report(
            directory=str(self.record.directory),
            counts=counts,
            not_started=counts.sessions - counts.recorded - (statistics.started - before),
            statistics=statistics,
            cause=self.brake.cause,
            reason=self.brake.reason,
            waiting=(past.waiting(self.record) if past else 0) + self._cut,
            others=before - counts.recorded,
            poison=len(self._poisoned.names),
            idle_s=idle_of(self._document, statistics.last),
        )

    async def _heed(self) -> None:
        """Drain a run that is told to stop, not one that stops by itself.

        An endpoint that failed and a budget that is used up are no reason to lose what was paid.
        """
        await self.brake.wait()
        if self.brake.cause in ("signal", "deadline", "stragglers"):
            self.drain()

    async def _drain(self) -> None:
        await self._draining.wait()
        await anyio.sleep(self.plan.settings.drain_timeout)
        self.cancel()

    async def _refresh(self) -> None:
        while True:
            await anyio.sleep(REFRESH_S)
            await self.record.write_statistics()

    async def _watch_deadline(self) -> None:
        deadline = self.plan.settings.deadline
        if deadline is not None:
            await anyio.sleep(deadline)
            self.brake.pull("deadline", f"the deadline of {deadline:g} s is over")
            self.drain()  # whatever else pulled the brake before


@asynccontextmanager
async def open_run(
    directory: Path,
    rows: Rows,
    settings: Settings,
    source: Source,
    shelf: Shelf,
    prompts: Mapping[str, Json] | None = None,
) -> AsyncGenerator[Run]:
    """Make the run directory and everything that its sessions share.

    Args:
        directory: the run directory.
        rows: what to run.
        settings: how to run it.
        source: the model.
        shelf: the tools that there are.
        prompts: where the rows come from, for ``run.json``.

    Raises:
        RunDirectoryError: the directory can't be used.
        JournalError: the record can't be begun.
        UsageError: the prefill file or the one of prices can't be used, or the sandbox that was
            asked for does not hold here.
    """
    prefill = read_prefill(settings.prefill)
    journal = JournalSettings(sync=settings.sync)
    async with (
        open_wall(_at(directory, settings)) as wall,
        open_record(directory, settings=journal) as record,
        removing_empty(directory / name for name in FOLDERS),
        open_plan(record, settings, source, wall, prefill, Path.cwd()) as plan,
    ):
        with writing(directory / RUN):
            document = asked(plan, shelf, prompts or {})
            await write_run_json(directory, document)
        async with open_rejects(directory / REJECTS) as rejects, feed(rows) as fed:
            intake = Intake(fed, settings, shelf, rejects)
            yield Run(plan, intake, document=document, door=source.door)


@asynccontextmanager
async def reopen_run(
    directory: Path,
    rows: Rows,
    settings: Settings,
    source: Source,
    shelf: Shelf,
    resumption: Resumption,
) -> AsyncGenerator[Run]:
    """Go on with a run whose directory is owned already.

    Args:
        directory: the run directory.
        rows: all rows of the prompts file, those that are done included.
        settings: how to go on.
        source: the model.
        shelf: the tools that there are.
        resumption: what is left to do.

    Raises:
        RunDirectoryError: the directory can't be used.
        JournalError: the record can't be written.
        CorruptJournalError: a session can't be folded.
        UsageError: the prefill file or the one of prices can't be used, or the sandbox that was
            asked for does not hold here.
    """
    prefill = read_prefill(settings.prefill)
    journal = JournalSettings(sync=settings.sync)
    past = resumption.past
    folder = folder_of(past.document)
    async with (
        open_wall(_at(directory, settings)) as wall,
        reopen_record(directory, past.standings, settings=journal, sifted=past.sifted) as record,
        removing_empty(directory / name for name in FOLDERS),
        open_plan(record, settings, source, wall, prefill, folder) as plan,
    ):
        with writing(directory / RUN):
            document = asked_again(plan, shelf, past)
            await write_run_json(directory, document)
        await put_in_place(past.rejects, directory / REJECTS)  # all rows were read again
        await sweep_workspaces(plan, resumption.sessions)
        await resumption.end_gone(record)
        async with feed(rows) as fed:
            intake = Intake(fed, settings, shelf, recorded=resumption.sessions)
            yield Run(plan, intake, resumption, document, source.door)


def _at(directory: Path, settings: Settings) -> Settings:
    """Let a wall be tested where the workspaces will lie, wherever that was when a run began."""
    return dataclasses.replace(settings, out=directory.parent)


def name_run(settings: Settings, stem: str) -> Path:
    """Choose the run directory: the name that was given, or one that is free."""
    if settings.name:
        return settings.out / settings.name
    base = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = [base, *(f"{base}-{number}" for number in range(2, 1000))]
    return next(settings.out / name for name in names if not (settings.out / name).exists())
