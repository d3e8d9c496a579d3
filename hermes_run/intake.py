"""From rows to jobs: every prompt, every sample, with the tools it gets; rejects on the side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container

import msgspec

from hermes_run.beside import Rejects
from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.fitting import Fitting
from hermes_run.job import Job
from hermes_run.prompts import Prompt, Reject
from hermes_run.tools.shelf import Shelf
from recorder.files import Rows
from recorder.json_text import encode

_EXAMPLES = 5


class Counts(msgspec.Struct, frozen=True):
    """What came in: rows, those that can't be used, and sessions.

    ``recorded`` are those of the sessions that were begun before, in a run that goes on.
    """

    rows: int = 0
    rejected: int = 0
    sessions: int = 0
    recorded: int = 0


class Intake:
    """Turns rows into jobs, one by one, and counts them.

    Gives the jobs in the order of the rows, the samples of a row after each other, to one caller at
    a time. A call that is cancelled loses nothing where *rows* lose nothing by it: the next one
    goes on where it was. In a strict run the first row that can't be used raises
    :class:`~hermes_run.errors.UsageError`.

    ``examples`` says of the first few rows that can't be used where they stand and why.

    Args:
        rows: the rows, read as they are needed.
        settings: the run's; ``limit``, ``samples``, ``sandbox`` and ``strict`` are used.
        shelf: the tools that there are.
        rejects: where rows go that can't be used.
        recorded: the sessions that were begun before.
    """

    def __init__(
        self,
        rows: AsyncIterator[Prompt | Reject],
        settings: Settings,
        shelf: Shelf,
        rejects: Rejects | Rows | None = None,
        recorded: Container[str] = (),
    ) -> None:
        self.counts = Counts()
        self.examples: list[str] = []
        self._rows = rows
        self._settings = settings
        self._fitting = Fitting(settings, shelf)
        self._rejects = rejects
        self._recorded = recorded
        self._row: Prompt | Reject | None = None
        self._job: Job | None = None

    def __aiter__(self) -> Intake:
        """Give this."""
        return self

    async def __anext__(self) -> Job:
        """Give the next job.

        Raises:
            StopAsyncIteration: there are no more.
            UsageError: a row can't be used, and the run is strict.
            JournalError: what can't be used can't be listed.
        """
        while self._job is None:
            self._job = await self._admit(await self._next_row())
            self._row = None
        job, more = self._job, self._job.sample + 1
        is_last = more >= self._settings.samples
        self._job = None if is_last else msgspec.structs.replace(job, sample=more)
        self._count(sessions=1, recorded=job.session_id in self._recorded)
        return job

    def wait_no_more(self) -> None:
        """Wait no more for room to list what can't be used: a full disk is an error from now on."""
        if self._rejects:
            self._rejects.wait_no_more()

    async def finish_counting(self) -> int:
        """Read the rows that were not begun, and give the number of sessions they would have been.

        Rejects among them are counted and listed like any other.
        """
        begun = self.counts.sessions
        async for _ in self:
            pass
        return self.counts.sessions - begun

    async def _next_row(self) -> Prompt | Reject:
        """Give the row that a cancelled call left behind, or read one."""
        if self._row is None:
            limit = self._settings.limit
            if limit is not None and self.counts.rows >= limit:
                raise StopAsyncIteration
            self._row = await anext(self._rows)
            self._count(rows=1)
        return self._row

    async def _admit(self, row: Prompt | Reject) -> Job | None:
        try:
            return self._make_job(row)
        except UsageError as error:
            if self._settings.strict:
                raise UsageError(f"line {row.line}: {error}") from error
            await self._reject(row, str(error))
            return None

    async def _reject(self, row: Prompt | Reject, reason: str) -> None:
        if self._rejects:
            text = row.row if isinstance(row, Reject) else row.key
            fact = {"line": row.line, "reason": reason, "row": text}
            await self._rejects.append(encode(fact) + b"\n")
        self._count(rejected=1)  # only now: a call that is cancelled while it waits tries again
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"line {row.line}: {reason}")

    def _make_job(self, row: Prompt | Reject) -> Job:
        """Make the job of a row.

        Raises:
            UsageError: the row can't be used; the text says why.
        """
        if isinstance(row, Reject):
            raise UsageError(row.reason)
        return self._fitting.job(row)

    def _count(
        self, *, rows: int = 0, rejected: int = 0, sessions: int = 0, recorded: int = 0
    ) -> None:
        now = self.counts
        self.counts = Counts(
            rows=now.rows + rows,
            rejected=now.rejected + rejected,
            sessions=now.sessions + sessions,
            recorded=now.recorded + recorded,
        )
