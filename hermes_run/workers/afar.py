"""What a worker has in place of what only the head of the run has."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import anyio
import msgspec

from hermes_run.errors import NotAskedError
from hermes_run.failure import Failure
from hermes_run.fitting import Fitting
from hermes_run.job import Job
from hermes_run.throttle.lane import Permit
from hermes_run.throttle.notices import Notices, take_all
from hermes_run.workers.link import Link
from hermes_run.workers.messages import (
    Answered,
    Enter,
    Facts,
    Failed,
    GivenUp,
    Handed,
    Numbered,
    Row,
    Told,
    Want,
    counted,
)
from recorder.events import Event
from recorder.journal import Journal
from recorder.json_text import decode
from recorder.messages import Usage
from recorder.standing import Standings
from recorder.statistics import StatisticsFold

SEND_S = 0.05
"""How often the head hears of what is durable, in seconds."""

QUIET_S = 1.0
"""How often it hears how the journal stands while there is nothing new."""


class _Row(msgspec.Struct):
    """All that a row is looked at for."""

    id: str


_decoder = msgspec.json.Decoder(_Row)


def session_of(row: bytes) -> str:
    """Give the id of the session that a row is of.

    Raises:
        ValueError: it is no row.
    """
    try:
        return _decoder.decode(row).id
    except msgspec.DecodeError:  # lone surrogates, anywhere in it
        return msgspec.convert(decode(row), _Row).id


class DistantDraw:
    """Hands out the sessions that the head has for this worker.

    Args:
        link: the way to the head.
        fitting: gives each prompt its tools.
        known: where sessions stand that go on here; filled as they come.
    """

    def __init__(self, link: Link, fitting: Fitting, known: Standings) -> None:
        self._link = link
        self._fitting = fitting
        self._known = known

    async def next(self) -> Job | None:
        """Give the next job, or ``None`` when there are no more."""
        handed = cast("Handed | None", await self._link.answer(self._link.ask(Want())))
        if handed is None:
            return None
        job = msgspec.structs.replace(
            self._fitting.job(handed.prompt), sample=handed.sample, going=handed.going
        )
        if handed.past:
            self._known.sessions[job.session_id] = handed.past
        return job


class DistantDoor:
    """The door of the head's gate; see :class:`~hermes_run.throttle.door.Door`.

    Args:
        link: the way to the head.
        notices: what the endpoints say of their rates, in the order of the gate's lanes.
    """

    weighs = True

    def __init__(self, link: Link, notices: Sequence[Notices | None]) -> None:
        self._link = link
        self._notices = notices

    async def enter(self, session: str, size: int) -> Permit:
        """Wait for leave to send *size* bytes.

        Raises:
            NotAskedError: the run is stopping.
        """
        self._listen()
        question = self._link.ask(Enter(session, size))
        try:
            permit = cast("Permit | None", await self._link.answer(question))
        except BaseException:
            self._link.tell(GivenUp(question.number))
            raise
        if permit is None:
            raise NotAskedError("the run is stopping")
        return Numbered(**msgspec.structs.asdict(permit), entered=question.number)

    def answered(self, session: str, permit: Permit, usage: Usage | None) -> None:  # noqa: ARG002  # the head knows whose it is
        """Note a good answer."""
        self._listen()
        self._link.tell(Answered(_entered(permit), usage))

    async def failed(self, permit: Permit, failure: Failure) -> Failure:
        """Note an attempt that failed; gives the failure as it is for the session."""
        self._listen()
        question = self._link.ask(Failed(_entered(permit), failure))
        return cast("Failure", await self._link.answer(question))

    def given_up(self, permit: Permit) -> None:
        """Note an attempt that was cancelled."""
        self._link.tell(GivenUp(_entered(permit)))

    def _listen(self) -> None:
        for lane, heard in take_all(self._notices):
            self._link.tell(Told(lane, heard))


def _entered(permit: Permit) -> int:
    return cast("Numbered", permit).entered


class Shipping(StatisticsFold):
    """Stands where statistics are kept, and tells the head of every fact when it is durable.

    So the head hears of each that was accepted, whatever became of whoever recorded it, and what it
    has counted is in the journal, also when this process is killed.
    """

    def __init__(self, journal: Journal, link: Link) -> None:
        super().__init__()
        self.sending = anyio.CancelScope()
        self._journal = journal
        self._link = link
        self._kept: deque[tuple[int, Event]] = deque()
        self._told = -float("inf")

    def add(self, event: Event) -> None:
        """Keep what is counted of *event* until it is durable."""
        self._kept.append((self._journal.statistics().accepted, counted(event)))

    async def keep_sending(self) -> None:
        """Tell the head again and again, until ``sending`` is cancelled."""
        with self.sending:
            while True:
                await anyio.sleep(SEND_S)
                if self._kept or anyio.current_time() - self._told > QUIET_S:
                    self.send()

    def send(self) -> None:
        """Tell the head of what is durable now."""
        journal, kept = self._journal.statistics(), self._kept
        events = list[Event]()
        while kept and kept[0][0] <= journal.durable:
            events.append(kept.popleft()[1])
        self._told = anyio.current_time()
        self._link.tell(Facts(tuple(events), journal))


class DistantRows:
    """The rows of the run, which the head writes; see :class:`~recorder.run_directory.RowSink`.

    ``shipping`` is set once there is a journal: the head knows of all of a session before its row.
    """

    paused = None

    def __init__(self, path: Path, link: Link) -> None:
        self.path = path
        self.shipping: Shipping | None = None
        self._link = link

    def wait_no_more(self) -> None:
        """Nothing waits for room here."""

    async def append(self, row: bytes, *, completed: bool) -> None:
        """Let the head append the row of a session; returns when it has."""
        if self.shipping:
            self.shipping.send()
        question = self._link.ask(Row(session_of(row), row, completed))
        await self._link.answer(question)

    async def write_statistics(self, content: bytes) -> None:
        """The head writes its own."""
