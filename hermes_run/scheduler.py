"""The scheduler: a bounded pool of tasks that draw jobs one by one.

A million prompts are never a million objects: a task asks for its next job when it has finished the
last, and the source reads on only then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import anyio
from anyio.abc import ObjectSendStream

from hermes_run.attempt import attempt
from hermes_run.brake import Brake
from hermes_run.job import Job
from hermes_run.plan import Plan
from recorder.session import Session


class Drawing(Protocol):
    """Hands out jobs, in order, to many who ask."""

    async def next(self) -> Job | None:
        """Give the next job, or ``None`` when there are no more."""
        ...


class Draw:
    """Hands out the jobs of one source; ``done`` when there are none.

    Args:
        jobs: read one by one.
        brake: when it is pulled there are no more.
    """

    def __init__(self, jobs: AsyncIterator[Job], brake: Brake) -> None:
        self.done = False
        self._jobs = jobs
        self._brake = brake
        self._turn = anyio.Lock()

    async def next(self) -> Job | None:
        """Give the next job, or ``None`` when there are no more."""
        if self._brake.pulled:
            return None
        async with self._turn:
            if self.done:
                return None
            job = await anext(self._jobs, None)
            self.done = job is None
            return job


async def schedule(
    draw: Drawing, plan: Plan, finished: ObjectSendStream[Session] | None = None
) -> None:
    """Run all jobs, at most ``concurrency`` at once, until none is handed out any more.

    Args:
        draw: hands them out.
        plan: what the sessions share.
        finished: receives every session that ended, where somebody wants them.

    Raises:
        JournalError: the record can't be written; everything in flight was cancelled.
    """
    async with anyio.create_task_group() as tasks:
        for _ in range(plan.settings.concurrency):
            tasks.start_soon(_work, draw, plan, finished)


async def _work(draw: Drawing, plan: Plan, finished: ObjectSendStream[Session] | None) -> None:
    while job := await draw.next():
        session = await attempt(job, plan)
        if finished:
            await finished.send(session)
