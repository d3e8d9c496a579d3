"""A worker as the head sees it: what it has in hand, and the answers to what it asks."""

from __future__ import annotations

import logging

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
    Row,
    Told,
    Want,
)
from recorder.errors import JournalError
from recorder.events import CRASHED, Event, ModelReplied, SessionEnded, ToolReturned
from recorder.settings import JournalStatistics
from recorder.standing import Standing

_log = logging.getLogger(__name__)


class Desk(msgspec.Struct, frozen=True):
    """What the head does its part with: the run's plan, its prompts, and the door of its gate."""

    plan: Plan
    draw: Draw
    door: OwnDoor


class InHand(msgspec.Struct):
    """A session: how many of its facts were heard of, and whether its end is due.

    ``row`` is there when its row was asked for, and set when that is written.
    """

    job: Job
    heard: int = 0
    is_open: bool = False
    row: anyio.Event | None = None


class Tray(msgspec.Struct):
    """What there is to do at one place: sessions that a worker has, and such as one has left."""

    in_hand: dict[str, InHand] = {}
    left: list[InHand] = []

    @property
    def unfinished(self) -> int:
        """How many sessions began, or went on, and have no end."""
        return sum(one.is_open for one in (*self.in_hand.values(), *self.left))


class Post:
    """Serves one worker; a new one takes the place of one that died.

    ``notices`` are there when it has done its work; ``facts`` counts those that were heard of.

    Sessions that went on after a crash and crashed again before they brought anything are handed
    out one by one, and nothing beside such a one until it has brought something: it may be what
    kills the worker, and others must not be taken for it.

    Args:
        desk: what is shared by all workers.
        channel: the way to it.
        tray: what it is to do; its own sessions go there, too.
    """

    def __init__(self, desk: Desk, channel: Channel, tray: Tray) -> None:
        self.notices: tuple[str, ...] | None = None
        self.journal: JournalStatistics | None = None
        self.facts = 0
        self._desk = desk
        self._channel = channel
        self._tray = tray
        self._waiters: dict[int, Waiter] = {}
        self._given_up = False
        self._turn = anyio.Lock()
        self._alone = ""
        self._proven = anyio.Event()

    async def serve(self) -> None:
        """Answer it until it is gone; what it began to ask is seen to.

        Raises:
            JournalError: the record can't be written, here or there.
            WorkerError: the worker can't go on.
        """
        self._tray.left.sort(key=is_suspect)  # they are taken from the end
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as waiting:
            while messages := await self._channel.receive():
                for message in messages:
                    await self._take(message, tasks, waiting)
            waiting.cancel_scope.cancel()
            self.give_up()
        for waiter in self._waiters.values():
            self._desk.door.withdraw(waiter)

    def give_up(self) -> None:
        """Hand out nothing more."""
        self._given_up = True
        self._proven.set()

    async def _take(self, message: object, tasks: TaskGroup, waiting: TaskGroup) -> None:
        match message:
            case Asked(number, what):
                self._answer(number, what, tasks, waiting)
            case Facts():
                await self._count(message)
            case Broke():
                raise fault_of(message)
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
                    waiter.woken.set()  # nobody waits for it any more
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
        one = await self._left()
        if one is None and not self._given_up and (job := await self._desk.draw.next()):
            one = InHand(job)
        if one is None:
            self._say(number, None)
            return
        job, one.row = one.job, None
        one.heard = job.going.session.seq if job.going else 0
        self._tray.in_hand[job.session_id] = one
        self._say(number, Handed(job.prompt, job.sample, job.going, _standing(job)))

    async def _left(self) -> InHand | None:
        """Take one of the sessions that were left here, when it may go on."""
        async with self._turn:
            if self._alone:
                await self._proven.wait()
                self._alone = ""
            if self._given_up or not self._tray.left:
                return None
            one = self._tray.left.pop()
            if is_suspect(one):
                self._alone, self._proven = one.job.session_id, anyio.Event()
            return one

    async def _write(self, number: int, row: Row) -> None:
        """Write a row; one that is asked for again, as who asked was cancelled, is written once."""
        one = self._tray.in_hand.get(row.session)
        if one and one.row:
            await one.row.wait()
        elif one:
            one.row = anyio.Event()
            await self._desk.plan.record.rows.append(row.content, completed=row.completed)
            del self._tray.in_hand[row.session]
            one.row.set()
        self._say(number, None)

    async def _count(self, facts: Facts) -> None:
        self.journal = facts.journal
        self.facts += len(facts.events)
        for event in facts.events:
            if mine := self._tray.in_hand.get(event.session):
                mine.heard = event.seq + 1
                mine.is_open = not isinstance(event, SessionEnded)
            if event.session == self._alone and brings(event):
                self._proven.set()
            await self._desk.plan.record.note(event)


def is_suspect(one: InHand) -> bool:
    """Whether a session went on after a crash, and crashed again before it brought anything."""
    return one.job.going is not None and one.job.going.session.stalled > 0


def brings(event: Event) -> bool:
    """Whether a session whose fact this is has got somewhere; see ``Session.stalled``."""
    if isinstance(event, ToolReturned):
        return event.status != "unknown"
    return isinstance(event, ModelReplied | SessionEnded)


def fault_of(broke: Broke) -> JournalError | WorkerError:
    """Say what it is here that a worker can't go on."""
    if broke.trace:
        _log.error("a worker broke: %s", broke.trace)
    if not broke.record:
        return WorkerError(broke.text)
    fault = JournalError(broke.text)
    if broke.errno is not None:
        fault.__cause__ = OSError(broke.errno, broke.text)
    return fault


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
