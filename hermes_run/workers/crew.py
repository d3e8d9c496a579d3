"""The workers of a run, as its head sees them: started, served, replaced, and told to stop."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from typing import cast

import anyio
import msgspec
from anyio import to_thread

from hermes_run.config import SandboxName
from hermes_run.errors import SandboxError, WorkerError
from hermes_run.job import Going, Job
from hermes_run.plan import Plan
from hermes_run.sandboxes.fencing import end_sessions
from hermes_run.scheduler import Draw
from hermes_run.throttle.door import OwnDoor
from hermes_run.workers.channel import Channel
from hermes_run.workers.looking_back import Left, look_back
from hermes_run.workers.messages import Begin, Cancel, Stop
from hermes_run.workers.post import Desk, InHand, Post, Tray
from hermes_run.workers.process import Worker, open_worker
from hermes_run.workspace import leave_workspace
from recorder.events import SessionEnded
from recorder.lock import descriptor_of
from recorder.session import Session
from recorder.settings import JournalStatistics

_GIVE_UP_S = 40.0
"""How long workers may take to record the end of what they give up."""

_NOTHING_S = 5.0
"""How long one may take that has none in hand, perhaps as it is still starting."""

_IN_VAIN = 3
"""So many workers in a row may die in one place before anything is recorded."""

NOTHING = JournalStatistics(accepted=0, durable=0, bytes=0, commits=0, idle_s=0.0, paused=None)

_log = logging.getLogger(__name__)


class Crew:
    """Runs the sessions of a run in worker processes.

    ``notices`` are what their servers of tools came to.
    """

    def __init__(self, plan: Plan, draw: Draw, door: OwnDoor) -> None:
        self.notices: list[str] = []
        self._desk = Desk(plan, draw, door)
        self._plan = plan
        self._trays = [Tray({}, []) for _ in range(plan.settings.workers)]
        self._posts: dict[int, Post] = {}
        self._gone = NOTHING

    async def run(self) -> None:
        """Run all sessions, as many at once as the settings say over all workers.

        Raises:
            JournalError: the record can't be written.
            CorruptJournalError: a session that was left can't be folded.
            WorkerError: a worker can't be started, or can't go on.
        """
        lock = descriptor_of(self._plan.record.directory)
        async with anyio.create_task_group() as places:
            for place in range(len(self._trays)):
                places.start_soon(self._keep, place, lock)

    @property
    def cut(self) -> int:
        """How many sessions have no end, as their worker died when all was to be given up."""
        return sum(tray.unfinished for tray in self._trays)

    def journal(self) -> JournalStatistics:
        """What workers have written so far, as far as was heard."""
        now = [post.journal for post in self._posts.values() if post.journal]
        return together([self._gone, *now])

    async def _keep(self, place: int, lock: int | None) -> None:
        """Keep a worker at *place* until there is nothing left for it to do."""
        in_vain, how = 0, await self._staff(place, lock)
        while how is not None:
            came_of_it = await self._take_over(place, how)
            in_vain = 0 if came_of_it else in_vain + 1
            if in_vain >= _IN_VAIN:
                raise WorkerError(f"{in_vain} workers died before they recorded anything: {how}")
            is_over = self._desk.draw.done or self._plan.brake.pulled
            how = None
            if self._trays[place].left or not is_over:
                how = await self._staff(place, lock)

    async def _staff(self, place: int, lock: int | None) -> str | None:
        """Start a worker and serve it until it is gone; says how it died, if it did.

        Raises:
            WorkerError: it could not even begin.
        """
        async with open_worker(lock) as worker:
            post = Post(self._desk, worker.channel, self._trays[place])
            self._posts[place] = post
            worker.channel.send(self._begin(place))
            await self._serve(post, worker, self._trays[place])
            ending = await worker.end()
        if post.notices is not None:
            self.notices += post.notices
            return None
        if post.journal is None and not ending.killed:
            what = "a process that is to run sessions can't be started"
            raise WorkerError(f"{what}: {ending.text}")
        return ending.text

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

    async def _serve(self, post: Post, worker: Worker, tray: Tray) -> None:
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
                patience_s = _GIVE_UP_S if tray.in_hand else _NOTHING_S
                serving.deadline = anyio.current_time() + patience_s
                raise
            tasks.cancel_scope.cancel()

    async def _heed(self, channel: Channel) -> None:
        brake = self._plan.brake
        await brake.wait()
        if brake.cause:
            channel.send(Stop(brake.cause, brake.reason))

    async def _take_over(self, place: int, how: str) -> bool:
        """See to what a worker left that died; tells whether anything had come of it."""
        record, tray, post = self._plan.record, self._trays[place], self._posts.pop(place)
        if post.journal:
            self._gone = together([self._gone, closed(post.journal)])
        _log.warning("a worker died: %s; it had %d sessions in hand", how, len(tray.in_hand))
        if not tray.in_hand:
            return post.facts > 0
        await end_sessions(record.run, record.directory, tray.in_hand)
        heard = {name: one.heard for name, one in tray.in_hand.items()}
        found = await to_thread.run_sync(look_back, record.directory, heard)
        for name, one in list(tray.in_hand.items()):
            goes_on = await self._catch_up(one, found.get(name))
            del tray.in_hand[name]
            if goes_on:
                tray.left.append(one)
        return post.facts > 0 or any(each.news for each in found.values())

    async def _catch_up(self, one: InHand, found: Left | None) -> bool:
        """Count what was not heard of a session; tells whether it goes on."""
        record, going = self._plan.record, one.job.going
        if found is None or found.session.seq == (going.session.seq if going else 0):
            return True  # it was handed out, and nothing came of it
        for event in found.news:
            one.heard, one.is_open = event.seq + 1, not isinstance(event, SessionEnded)
            await record.note(event)
        if found.session.ended:
            await self._leave(found.session, one.job)
            await record.finish(found.session)
            return False
        settle, drift = (going.settle, going.drift) if going else (False, ())
        goes_on = Going(found.session, settle=settle, drift=drift)
        one.job = msgspec.structs.replace(one.job, going=goes_on)
        return True

    async def _leave(self, session: Session, job: Job) -> None:
        try:
            await leave_workspace(session, job, self._plan)
        except SandboxError as error:  # its record is whole all the same
            _log.warning("what session %s worked in is still there: %s", session.id, error)


def together(each: Iterable[JournalStatistics]) -> JournalStatistics:
    """Add up how several journals stand, as if they were one."""
    each = list(each)
    return JournalStatistics(
        accepted=sum(one.accepted for one in each),
        durable=sum(one.durable for one in each),
        bytes=sum(one.bytes for one in each),
        commits=sum(one.commits for one in each),
        idle_s=max((one.idle_s for one in each), default=0.0),
        paused=next((one.paused for one in each if one.paused), None),
    )


def closed(journal: JournalStatistics) -> JournalStatistics:
    """Say how a journal stands whose process is gone, and with it what was not durable."""
    return msgspec.structs.replace(journal, accepted=journal.durable, idle_s=0.0, paused=None)
