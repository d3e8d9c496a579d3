"""A channel whose other end a test has, and a head with prompts for a worker that a test plays."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup, TaskStatus, UNIXSocketStream

from hermes_run.config import Settings
from hermes_run.scheduler import Draw
from hermes_run.throttle.door import open_door
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.workers.channel import Channel, open_channel
from hermes_run.workers.link import Link, open_link
from hermes_run.workers.messages import Answer, Asked, Begin, Facts
from hermes_run.workers.post import Desk, Post, Tray
from recorder.events import Event, ModelReplied, SessionEnded, SessionStarted
from recorder.settings import JournalStatistics

PATIENCE_S = 20
TS = "2026-11-22T17:00:00.000Z"
WRITTEN = JournalStatistics(accepted=2, durable=2, bytes=99, commits=1, idle_s=0.0, paused=None)

Pair: TypeAlias = tuple[Channel, Channel]
Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Pair]]


@asynccontextmanager
async def open_both() -> AsyncIterator[Pair]:
    """Open both ends of a channel."""
    one, other = socket.socketpair()
    here = open_channel(await UNIXSocketStream.from_socket(one))
    there = open_channel(await UNIXSocketStream.from_socket(other))
    async with here as mine, there as theirs:
        yield mine, theirs


@pytest.fixture
def both() -> Open:
    """Open both ends of a channel."""
    return open_both


class Played:
    """One end of a channel, as a test plays it: what came is taken one by one."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.left = anyio.Event()
        self._came: list[Any] = []
        self._asked = 0

    def say(self, *messages: object) -> None:
        """Send *messages*."""
        for message in messages:
            self.channel.send(message)

    async def hear(self) -> Any:
        """Give what came next, or nothing where the other end is gone."""
        while not self._came:
            with anyio.fail_after(PATIENCE_S):
                came = await self.channel.receive()
            if not came:
                return None
            self._came += came
        return self._came.pop(0)

    def leave(self) -> None:
        """Be gone, after what was said."""
        self.left.set()

    def ask(self, what: object) -> int:
        """Ask something; gives the number of the question."""
        self._asked += 1
        self.say(Asked(self._asked, what))
        return self._asked

    async def answer(self, what: object) -> Any:
        """Ask something, and give the answer, which is what comes next."""
        number = self.ask(what)
        said = await self.hear()
        assert isinstance(said, Answer), said
        assert said.number == number
        return said.value


@pytest.fixture
def played() -> type[Played]:
    """Play one end of a channel."""
    return Played


async def play(end: socket.socket, *, task_status: TaskStatus[Played]) -> None:
    """Play a worker over *end* until it leaves."""
    async with open_channel(await UNIXSocketStream.from_socket(end)) as channel:
        worker = Played(channel)
        task_status.started(worker)
        await worker.left.wait()


class Head(NamedTuple):
    """The head of a run, and a worker of it that a test plays."""

    run: Any
    gate: Gate
    desk: Desk
    tray: Tray
    post: Post
    worker: Played
    tasks: TaskGroup


@pytest.fixture
def head(start_run) -> Callable[..., AbstractAsyncContextManager[Head]]:
    """Open a run whose only worker is played: *names* are its prompts."""

    @asynccontextmanager
    async def opened(*names: str, most: int = 4, **options: Any) -> AsyncIterator[Head]:
        rows = [{"id": name, "prompt": "x"} for name in names]
        async with start_run(rows, [], **options) as run:
            gate = Gate([Terms("e", most=most)], run.brake, anyio.current_time())
            one, other = socket.socketpair()
            stream = await UNIXSocketStream.from_socket(one)
            async with (
                open_door(gate, run.brake) as door,
                open_channel(stream) as mine,
                anyio.create_task_group() as tasks,
            ):
                desk, tray = Desk(run.plan, Draw(run.intake, run.brake), door), Tray({}, [])
                worker = await tasks.start(play, other)
                yield Head(run, gate, desk, tray, Post(desk, mine, tray), worker, tasks)
                tasks.cancel_scope.cancel()

    return opened


def started(name: str, seq: int = 0) -> Event:
    """Give the start of a session."""
    return SessionStarted(session=name, seq=seq, ts=TS)


def replied(name: str, seq: int = 1) -> Event:
    """Give a reply in a session."""
    return ModelReplied(session=name, seq=seq, ts=TS)


def ended(name: str, seq: int = 2) -> Event:
    """Give the end of a session."""
    return SessionEnded(session=name, seq=seq, ts=TS, outcome="completed")


def facts(*events: Event) -> Facts:
    """Tell of *events*."""
    return Facts(events, WRITTEN)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Give what waits until something is true."""

    async def wait(is_true: Callable[[], object]) -> None:
        with anyio.fail_after(PATIENCE_S):
            while not is_true():
                await anyio.lowlevel.checkpoint()

    return wait


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect two sockets, closed afterwards whoever had them."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


BEGIN = Begin(Path("runs/mine"), "r", Settings(model="m"), Path())


class Worker(NamedTuple):
    """A worker's link, and the head that a test plays."""

    link: Link
    head: Any
    tasks: TaskGroup


@pytest.fixture
def worker(both, played) -> Callable[[], AbstractAsyncContextManager[Worker]]:
    """Open the link of a worker whose head is played."""

    @asynccontextmanager
    async def opened(*more: object) -> AsyncIterator[Worker]:
        async with both() as (mine, theirs):
            head = played(theirs)
            head.say(BEGIN, *more)
            async with open_link(mine) as (link, begin), anyio.create_task_group() as tasks:
                assert begin == BEGIN
                yield Worker(link, head, tasks)
                tasks.cancel_scope.cancel()

    return opened


class Kept:
    """Keeps what a call gave or raised; ``over`` is set by then."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.over = anyio.Event()
        self.scope = anyio.CancelScope()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call *function* until ``scope`` is cancelled."""
        with self.scope:
            try:
                self.value = await function(*arguments)
            except Exception as error:  # noqa: BLE001  # what it was is looked at
                self.error = error
        self.over.set()


def begin_call(worker: Worker, function: Callable[..., Any], *arguments: Any) -> Kept:
    """Call something beside the test."""
    kept = Kept()
    worker.tasks.start_soon(kept.call, function, *arguments)
    return kept
