"""A worker as the head sees it: what it has in hand, and the answers to what it asks."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec
from anyio.abc import TaskGroup

from hermes_run.errors import WorkerError
from hermes_run.job import Job
from hermes_run.plan import Plan
from hermes_run.scheduler import Draw
from hermes_run.throttle.door import OwnDoor
from hermes_run.throttle.queue import Waiter
from hermes_run.workers.channel import Channel
from hermes_run.workers.messages import (
    Answer,
    Answered,
    Asked,
    Broke,
    Done,
    Enter,
    Facts,
    Failed,
    GivenUp,
    Handed,
    Pulled,
    Row,
    Told,
    Want,
)
from recorder.errors import JournalError
from recorder.events import CRASHED, SessionEnded
from recorder.settings import JournalStatistics
from recorder.standing import Standing


class Desk(msgspec.Struct, frozen=True):
    """What the head does its part with: the run's plan, its prompts, and the door of its gate."""

    plan: Plan
    draw: Draw
    door: OwnDoor


class InHand(msgspec.Struct):
    """A session that a worker has: how many of its facts were heard of, and if its end is due."""

    job: Job
    heard: int
    is_open: bool = False


class Post:
    """Serves one worker; a new one takes the place of one that died.

    ``in_hand`` are its sessions, by their ids. ``notices`` are there when it has done its work.

    Args:
        desk: what is shared by all workers.
        channel: the way to it.
        left: sessions that go on here, before any others.
    """

    def __init__(self, desk: Desk, channel: Channel, left: Sequence[Job] = ()) -> None:
        self.in_hand: dict[str, InHand] = {}
        self.notices: tuple[str, ...] | None = None
        self.journal: JournalStatistics | None = None
        self.left = list(left)
        self._desk = desk
        self._channel = channel
        self._waiters: dict[int, Waiter] = {}
        self._given_up = False

    async def serve(self) -> None:
        """Answer it until it is gone; what it began to ask is seen to.

        Raises:
            JournalError: the record can't be written, here or there.
            WorkerError: the worker can't go on.
        """
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as waiting:
            while messages := await self._channel.receive():
                for message in messages:
                    await self._take(message, tasks, waiting)
            waiting.cancel_scope.cancel()
        for waiter in self._waiters.values():
            self._desk.door.withdraw(waiter)

    @property
    def unfinished(self) -> int:
        """How many sessions began, or went on, and have no end."""
        return sum(one.is_open for one in self.in_hand.values()) + len(self.left)

    def give_up(self) -> None:
        """Hand out nothing more."""
        self._given_up = True

    async def _take(self, message: object, tasks: TaskGroup, waiting: TaskGroup) -> None:
        match message:
            case Asked(number, what):
                self._answer(number, what, tasks, waiting)
            case Facts():
                await self._count(message)
            case Pulled(cause, reason):
                self._desk.plan.brake.pull(cause, reason)
            case Broke(text, record):
                raise JournalError(text) if record else WorkerError(text)
            case Done(notices):
                self.notices = notices
            case _:
                self._note(message)

    def _note(self, message: object) -> None:
        """Tell the gate how attempts went, and what endpoints say."""
        door = self._desk.door
        match message:
            case Answered(entered, usage):
                waiter = self._waiters.pop(entered)
                if waiter.permit:
                    door.answered(waiter.session, waiter.permit, usage)
            case GivenUp(entered):
                if waiter := self._waiters.pop(entered, None):
                    door.withdraw(waiter)
            case Told(lane, heard):
                door.heard(lane, heard)
            case _:
                raise TypeError(f"the head is not told {message!r:.80}")

    def _answer(self, number: int, what: object, tasks: TaskGroup, waiting: TaskGroup) -> None:
        match what:
            case Want():
                tasks.start_soon(self._hand, number)
            case Row():
                tasks.start_soon(self._write, number, what)
            case Enter(session, size):
                waiter = self._waiters[number] = self._desk.door.ask(session, size)
                if waiter.woken.is_set():
                    self._let_in(number, waiter)
                else:
                    waiting.start_soon(self._wait, number, waiter)
            case Failed(entered, failure):
                waiter = self._waiters.pop(entered)
                if waiter.permit:
                    failure = self._desk.door.judged(waiter.permit, failure)
                self._say(number, failure)
            case _:
                raise TypeError(f"the head is not asked {what!r:.80}")

    def _say(self, number: int, value: object) -> None:
        self._channel.send(Answer(number, value))

    async def _wait(self, number: int, waiter: Waiter) -> None:
        await waiter.woken.wait()
        if number in self._waiters:  # it may have been given up in this very moment
            self._let_in(number, waiter)

    def _let_in(self, number: int, waiter: Waiter) -> None:
        if waiter.permit is None:
            del self._waiters[number]
        self._say(number, waiter.permit)

    async def _hand(self, number: int) -> None:
        """Hand out a session: first what was left here, which must come to an end in any case."""
        job = None
        if not self._given_up:
            job = self.left.pop() if self.left else await self._desk.draw.next()
        if job is None:
            self._say(number, None)
            return
        going = job.going
        self.in_hand[job.session_id] = InHand(job, going.session.seq if going else 0)
        self._say(number, Handed(job.prompt, job.sample, going, _standing(job)))

    async def _write(self, number: int, row: Row) -> None:
        await self._desk.plan.record.rows.append(row.content, completed=row.completed)
        del self.in_hand[row.session]
        self._say(number, None)

    async def _count(self, facts: Facts) -> None:
        self.journal = facts.journal
        for event in facts.events:
            if mine := self.in_hand.get(event.session):
                mine.heard = event.seq + 1
                mine.is_open = not isinstance(event, SessionEnded)
            await self._desk.plan.record.note(event)


def _standing(job: Job) -> Standing | None:
    """Say where a session stands that goes on."""
    if job.going is None:
        return None
    session = job.going.session
    ended = session.ended
    return Standing(
        prompt_key=job.prompt.key,
        row_hash=job.prompt.row_hash,
        sample=job.sample,
        ended=ended.outcome if ended else CRASHED,
        reason=ended.reason if ended else "",
        attempt=session.attempt,
    )
