"""The workers of a run, as its head sees them: started, served, replaced, and told to stop."""

from __future__ import annotations

import dataclasses
import logging
from typing import cast

import anyio
import msgspec
from anyio import to_thread

from hermes_run.config import SandboxName
from hermes_run.errors import WorkerError
from hermes_run.job import Going, Job
from hermes_run.plan import Plan
from hermes_run.sandboxes.fencing import end_sessions
from hermes_run.scheduler import Draw
from hermes_run.throttle.door import OwnDoor
from hermes_run.workers.channel import Channel
from hermes_run.workers.looking_back import Left, look_back
from hermes_run.workers.messages import Begin, Cancel, Stop
from hermes_run.workers.post import Desk, InHand, Post
from hermes_run.workers.process import Worker, open_worker
from hermes_run.workspace import leave_workspace
from recorder.lock import descriptor_of
from recorder.settings import JournalStatistics

_GIVE_UP_S = 40.0
"""How long workers may take to record the end of what they give up."""

_log = logging.getLogger(__name__)


class Crew:
    """Runs the sessions of a run in worker processes.

    ``notices`` are what their servers of tools came to, ``cut`` how many sessions have no end
    because their worker died while everything was being given up.
    """

    def __init__(self, plan: Plan, draw: Draw, door: OwnDoor) -> None:
        self.notices: list[str] = []
        self.cut = 0
        self._desk = Desk(plan, draw, door)
        self._plan = plan
        self._posts: dict[int, Post] = {}

    async def run(self) -> None:
        """Run all sessions, as many at once as the settings say over all workers.

        Raises:
            JournalError: the record can't be written.
            CorruptJournalError: a session that was left can't be folded.
            WorkerError: a worker can't be started, or can't go on.
        """
        async with anyio.create_task_group() as posts:
            for place in range(self._plan.settings.workers):
                posts.start_soon(self._keep, place)

    def journal(self) -> JournalStatistics:
        """What workers have written so far, as far as was heard."""
        each = [post.journal for post in self._posts.values() if post.journal]
        return JournalStatistics(
            accepted=sum(one.accepted for one in each),
            durable=sum(one.durable for one in each),
            bytes=sum(one.bytes for one in each),
            commits=sum(one.commits for one in each),
            idle_s=max((one.idle_s for one in each), default=0.0),
            paused=next((one.paused for one in each if one.paused), None),
        )

    async def _keep(self, place: int) -> None:
        """Keep a worker at *place* until there is nothing left for it to do."""
        left: list[Job] | None = []
        while left is not None:
            left = await self._staff(place, left)

    async def _staff(self, place: int, left: list[Job]) -> list[Job] | None:
        """Start a worker and serve it until it is gone; gives the sessions that it left.

        Gives ``None`` where there is nothing left to do.
        """
        directory = self._plan.record.directory
        async with open_worker(descriptor_of(directory)) as worker:
            post = self._posts[place] = Post(self._desk, worker.channel, left)
            worker.channel.send(self._begin(place))
            try:
                await self._serve(post, worker)
            except anyio.get_cancelled_exc_class():
                self.cut += post.unfinished
                raise
            how = await worker.end()
        if post.notices is not None:
            self.notices += post.notices
            self.cut += post.unfinished
            return None
        if post.journal is None:
            raise WorkerError(f"a process that is to run sessions can't be started: {how}")
        return await self._take_over(post, how)

    def _begin(self, place: int) -> Begin:
        """Say what the worker at *place* is to do, without what the head decides for all."""
        plan, settings = self._plan, self._plan.settings
        share, more = divmod(settings.concurrency, settings.workers)
        is_withheld = settings.sandbox == "auto" and plan.wall.name == "none"
        sandbox = settings.sandbox if is_withheld else cast("SandboxName", plan.wall.name)
        own = dataclasses.replace(
            settings,
            concurrency=share + (place < more),
            workers=1,
            sandbox=sandbox,
            out=plan.record.directory.parent,
            max_cost_usd=None,
        )
        return Begin(plan.record.directory.absolute(), plan.record.run, own, plan.folder)

    async def _serve(self, post: Post, worker: Worker) -> None:
        """Serve a worker until it is gone, also when this is cancelled: then it gives up."""
        serving, gone = anyio.CancelScope(shield=True), anyio.Event()

        async def serve() -> None:
            with serving:
                await post.serve()
            gone.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._heed, worker.channel)
            tasks.start_soon(serve)
            try:
                await gone.wait()
            except anyio.get_cancelled_exc_class():
                post.give_up()
                worker.channel.send(Cancel())
                serving.deadline = anyio.current_time() + _GIVE_UP_S
                raise
            tasks.cancel_scope.cancel()

    async def _heed(self, channel: Channel) -> None:
        brake = self._plan.brake
        await brake.wait()
        if brake.cause:
            channel.send(Stop(brake.cause, brake.reason))

    async def _take_over(self, post: Post, how: str) -> list[Job] | None:
        """See to what a worker left that died; gives the sessions that are to go on."""
        record, held = self._plan.record, post.in_hand
        left = list(post.left)
        _log.warning("a worker died: %s; its %d sessions go on in another one", how, len(held))
        if held:
            await end_sessions(record.run, record.directory, held)
            heard = {name: one.heard for name, one in held.items()}
            found = await to_thread.run_sync(look_back, record.directory, heard)
            jobs = [await self._taken_over(one, found.get(name)) for name, one in held.items()]
            left += [job for job in jobs if job]
        is_over = self._desk.draw.done or self._plan.brake.pulled
        return None if is_over and not left else left

    async def _taken_over(self, one: InHand, found: Left | None) -> Job | None:
        """Count what was not heard of a session; gives how it goes on, if it does."""
        record = self._plan.record
        before = one.job.going.session.seq if one.job.going else 0
        if found is None or found.session.seq == before:
            return one.job  # it was handed out, and nothing came of it
        for event in found.news:
            await record.note(event)
        if found.session.ended:
            await leave_workspace(found.session, one.job, self._plan)
            await record.finish(found.session)
            return None
        settle = one.job.going is not None and one.job.going.settle
        drift = one.job.going.drift if one.job.going else ()
        going = Going(found.session, settle=settle, drift=drift)
        return msgspec.structs.replace(one.job, going=going)
