"""The scheduler: a bounded pool of workers that draw jobs one by one.

A million prompts are never a million objects: a worker asks for its next job when it has finished
the last, and the source reads on only then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
from anyio.abc import ObjectSendStream

from hermes_run.attempt import attempt
from hermes_run.job import Job
from hermes_run.plan import Plan
from recorder.session import Session


class Draw:
    """Hands out the jobs of one source to many workers, in order; ``done`` when there are none."""

    def __init__(self, jobs: AsyncIterator[Job]) -> None:
        self.done = False
        self._jobs = jobs
        self._turn = anyio.Lock()

    async def next(self) -> Job | None:
        """Give the next job, or ``None`` when there are no more."""
        async with self._turn:
            if self.done:
                return None
            job = await anext(self._jobs, None)
            self.done = job is None
            return job


async def schedule(
    jobs: AsyncIterator[Job], plan: Plan, finished: ObjectSendStream[Session] | None = None
) -> None:
    """Run all *jobs*, at most ``concurrency`` at once, until they are done or the brake is pulled.

    Args:
        jobs: what to run; read one by one.
        plan: what the sessions share.
        finished: receives every session that ended, where somebody wants them.

    Raises:
        JournalError: the record can't be written; everything in flight was cancelled.
    """
    draw = Draw(jobs)
    async with anyio.create_task_group() as workers:
        for _ in range(plan.settings.concurrency):
            workers.start_soon(_work, draw, plan, finished)


async def _work(draw: Draw, plan: Plan, finished: ObjectSendStream[Session] | None) -> None:
    while not plan.brake.pulled and (job := await draw.next()):
        session = await attempt(job, plan)
        if finished:
            await finished.send(session)
