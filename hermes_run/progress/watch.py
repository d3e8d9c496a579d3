"""The one task that looks at a run, draws what it sees, and waits."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio
import anyio.to_thread

from hermes_run.progress.live import Live
from hermes_run.progress.pace import Pace, time_left
from hermes_run.progress.screens import Screen
from hermes_run.progress.snapshot import Snapshot
from hermes_run.run import Run
from recorder.beside import beside
from recorder.events import seconds
from recorder.sinks import lossy

_SLOWEST = 3


class Watch:
    """Looks at a run; made by :func:`watch`.

    Args:
        run: the run.
        rows: how many rows its prompts file has, as far as is known.
        screen: where to draw.
    """

    def __init__(self, run: Run, rows: int, screen: Screen) -> None:
        self.live = Live()
        self.showing = anyio.CancelScope()
        self._run = run
        self._rows = rows
        self._screen = screen
        self._pace = Pace()
        self._began = anyio.current_time()
        self._broken = False
        self._one = anyio.CapacityLimiter(1)

    async def say(self, text: str) -> None:
        """Say one thing that happened, at once."""
        with self._harmless():
            await anyio.to_thread.run_sync(self._screen.say, text, limiter=self._one)

    async def show(self) -> None:
        """Draw how the run stands."""
        with self._harmless():
            snapshot = self.look()
            await anyio.to_thread.run_sync(self._screen.show, snapshot, limiter=self._one)

    async def keep_showing(self) -> None:
        """Draw again and again until ``showing`` is cancelled, or until nobody looks."""
        with self.showing:
            while not self._broken:
                await self.show()
                await anyio.sleep(self._screen.interval_s)

    def look(self) -> Snapshot:
        """See how the run stands now."""
        elapsed, now = anyio.current_time() - self._began, time.time()
        fold, journal = self._run.record.statistics, self._run.journal
        statistics, rejected = fold.value(), self._run.intake.counts.rejected
        ended = sum(statistics.outcomes.values())
        rates = self._pace.add(elapsed, ended, statistics.replies)
        total = self._total(rejected)
        return Snapshot(
            elapsed_s=round(elapsed, 3),
            total=total,
            rejected=rejected,
            statistics=statistics,
            waiting=self.live.waiting(now),
            sessions_per_min=round(60 * rates.sessions, 2),
            turns_per_s=round(rates.replies, 2),
            left_s=time_left(total - ended, rates),
            unsynced=journal.accepted - journal.durable,
            sync_age_s=round(journal.idle_s, 3) if journal.commits else None,
            paused=self._run.paused,
            slowest=tuple(
                (id_, max(0.0, now - seconds(began)))  # the clock may have been set back
                for id_, began in fold.slowest(_SLOWEST)
            ),
            last_failure=self.live.last_failure,
            stopping=self._run.brake.reason,
        )

    def _total(self, rejected: int) -> int:
        """Sessions there will be: rows that are no prompts turn out as they are read."""
        settings, counts = self._run.plan.settings, self._run.intake.counts
        asked = max(counts.sessions, (self._rows - rejected) * settings.samples)
        return asked + self._run.gone

    @contextmanager
    def _harmless(self) -> Generator[None]:
        """Let no fault of a view reach the run: it is logged, once."""
        try:
            yield
        except Exception as error:  # a broken view is no reason to stop a run
            if not self._broken:
                self._run.plan.log.warning("progress can't be shown", exc_info=error)
            self._broken = True


@asynccontextmanager
async def watch(run: Run, rows: int, screen: Screen) -> AsyncGenerator[Watch]:
    """Show how *run* stands on *screen* until the block ends; see :class:`Watch`."""
    watching = Watch(run, rows, screen)
    async with lossy(watching.live) as sink:
        run.record.send_also_to(sink)
        async with beside(watching.keep_showing):
            try:
                yield watching
            finally:
                watching.showing.cancel()
        await watching.show()
