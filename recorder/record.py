"""The record of a run: facts go to the journal, and what is made of them beside it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, Unpack, cast

import anyio
import msgspec

from recorder import files
from recorder.disk import FULL
from recorder.ending import ending_what_fails
from recorder.errors import JournalError, MisuseError
from recorder.events import CRASHED, Event, SessionResumed, SessionStarted, tools_hash
from recorder.formats import row
from recorder.given import read_schemas, whole
from recorder.journal import Journal
from recorder.json_text import encode
from recorder.marks import Marks
from recorder.messages import Json, Message
from recorder.recording import Opening, Recording
from recorder.run_directory import RowSink
from recorder.session import Session
from recorder.sinks import Sink
from recorder.standing import Standings
from recorder.statistics import StatisticsFold

_Declared: TypeAlias = tuple[str, tuple[dict[str, Json], ...]]


class Record:
    """An open run directory; made by :func:`~recorder.opening.open_record`.

    ``resumed`` tells of the sessions that went on the number of their newest attempt. What is in
    ``operational`` is written into ``statistics.json`` beside the fold: what the software did, not
    what happened in sessions, so no reader counts on it.

    Args:
        opened: where rows go.
        run: the run's id.
        journal: where facts go.
        past: where the sessions stand that were recorded before, if any were.
    """

    def __init__(
        self, opened: RowSink, run: str, journal: Journal, past: Standings | None = None
    ) -> None:
        self.directory = opened.path
        self.run = run
        self.journal = journal
        self.statistics = past.statistics if past else StatisticsFold()
        self.resumed: dict[str, int] = {}
        self.operational: dict[str, object] = {}
        self._past = past.sessions if past else {}
        self.rows = opened
        self._others: tuple[Sink, ...] = ()
        self._declared: dict[str, _Declared] = {}
        self._starting: set[str] = set()
        self._begun = Marks()

    @property
    def paused(self) -> str | None:
        """Why facts or rows wait to be written, if they do: the disk is full."""
        return self.journal.statistics().paused or self.rows.paused

    def wait_no_more(self) -> None:
        """Wait for room no more: a full disk is an error from now on, for a run that is to end."""
        self.journal.wait_no_more()
        self.rows.wait_no_more()

    def send_also_to(self, sink: Sink) -> None:
        """Give every event to *sink* too, after the journal has it.

        What *sink* raises comes out where the fact was recorded, and it is recorded all the same.
        """
        self._others = (*self._others, sink)

    async def __call__(self, event: Event) -> None:
        """Accept *event* and tell everybody.

        Raises:
            JournalError: it can't be recorded.
        """
        await self.accept(event)
        await self.settle(event)

    async def accept(self, event: Event) -> None:
        """Take *event* for good; or raise, and it never happened.

        Raises:
            JournalError: it can't be recorded.
        """
        await self.journal.accept(event)
        self._count(event)

    async def note(self, event: Event) -> None:
        """Count what another process of this run has recorded; contents need not be there."""
        self._count(event)
        for sink in self._others:
            await sink(event)

    def _count(self, event: Event) -> None:
        self.statistics.add(event)
        if type(event) is SessionStarted:
            self._begun.add(event.session)
        elif type(event) is SessionResumed:
            self.resumed[event.session] = event.attempt

    async def settle(self, event: Event) -> None:
        """Give an accepted *event* to the other sinks, and wait as the sync mode asks.

        Raises:
            JournalError: it will never be durable.
        """
        for sink in self._others:
            await sink(event)
        await self.journal.settled()

    async def durable(self) -> None:
        """Return when everything accepted so far is on disk; see :meth:`Journal.durable`."""
        await self.journal.durable()

    async def kept(self) -> None:
        """Return when everything accepted so far is on disk; see :meth:`Journal.kept`."""
        await self.journal.kept()

    async def writable(self) -> None:
        """Return when the disk has room, as far as is known; or raise, if it never will."""
        await self.journal.writable()

    async def start(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> Recording:
        """Begin a session with *messages*; whoever calls this ends it and calls :meth:`finish`.

        Where this raises, also because it was cancelled, a session that was recorded has its end.

        Raises:
            MisuseError: a field has the wrong shape, or the id was used before.
            JournalError: it can't be recorded.
        """
        recording = Recording(_new(opening.get("id", "")), self)
        async with ending_what_fails(recording, self):
            await self.begin(recording, messages, tools, **opening)
        return recording

    async def resume(
        self, session: Session, *, anew: bool = False, drift: Sequence[str] = ()
    ) -> Recording:
        """Go on with *session* as it was recorded; whoever calls this ends it and its row.

        Where this raises, also because it was cancelled, a session that went on has its end.

        Args:
            session: the session, folded whole.
            anew: begin again with the turns it was started with.
            drift: the settings that are not those it was started with.

        Raises:
            MisuseError: the session never started, or goes on already.
            JournalError: it can't be recorded.
        """
        recording = Recording(session, self)
        async with ending_what_fails(recording, self):
            await self.go_on(recording, anew=anew, drift=drift)
        return recording

    async def begin(
        self,
        recording: Recording,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> None:
        """Do what :meth:`start` does; whoever calls this ends the session also where it raises."""
        name = recording.session.id
        if name in self._past or name in self._begun or name in self._starting:
            raise MisuseError(f"there is a session {name!r} already: give each an id of its own")
        self._starting.add(name)
        try:
            declared, schemas = await self._declare(tools)
            recording.session = Session(id=name, tools=schemas)
            fields = {key: value for key, value in opening.items() if key != "id"}
            await recording.record(
                SessionStarted, messages=whole(messages), tools_hash=declared, **fields
            )
        finally:
            self._starting.discard(name)

    async def go_on(
        self, recording: Recording, *, anew: bool = False, drift: Sequence[str] = ()
    ) -> None:
        """Do what :meth:`resume` does; whoever calls this ends the session also where it raises."""
        session = recording.session
        self._refuse_two(session)
        self._starting.add(session.id)
        try:
            await recording.record(
                SessionResumed,
                attempt=session.attempt + 1,
                previous=session.ended.outcome if session.ended else CRASHED,
                anew=anew,
                drift=tuple(drift),
            )
        finally:
            self._starting.discard(session.id)

    async def finish(self, session: Session) -> None:
        """Append the row of a session that has ended and is durable; waits while the disk is full.

        Raises:
            MisuseError: the session has not ended.
            FormatError: the session has no row.
            JournalError: the row can't be written.
        """
        if session.ended is None:
            raise MisuseError(f"session {session.id!r} has not ended: it has no row yet")
        line = encode(row.render(session, self.run)) + b"\n"
        await self.rows.append(line, completed=session.ended.outcome == "completed")

    @asynccontextmanager
    async def session(
        self,
        prompt: str | Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> AsyncGenerator[Recording]:
        """Record one session of somebody's agent.

        It ends as ``completed`` with the block, unless the block called ``end`` itself. A block
        that raises ends it as ``tool_error``, one that is cancelled as ``interrupted``.

        Raises:
            MisuseError: a field has the wrong shape, or the id was used before.
            JournalError: it can't be recorded.
        """
        messages = [Message("user", prompt)] if isinstance(prompt, str) else prompt
        recording = Recording(_new(opening.get("id", "")), self)
        async with ending_what_fails(recording, self):
            await self.begin(recording, messages, tools, **opening)
            yield recording
            if recording.session.ended is None:
                await recording.end()
        await self.finish(recording.session)

    async def write_statistics(self) -> None:
        """Replace ``statistics.json`` with what is known now; waits while the disk is full.

        Raises:
            JournalError: it can't be written.
        """
        while True:
            try:
                return await self.write_statistics_now()
            except JournalError as error:
                if getattr(error.__cause__, "errno", None) not in FULL:
                    raise
            await anyio.sleep(files.RETRY_S)

    async def write_statistics_now(self) -> None:
        """Replace ``statistics.json`` with what is known now, once that is durable.

        Raises:
            JournalError: it can't be written, or the record has failed.
        """
        self.journal.check()
        known = encode({**self.operational, **msgspec.structs.asdict(self.statistics.value())})
        content = msgspec.json.format(known, indent=2) + b"\n"
        await self.journal.durable()
        await self.rows.write_statistics(content)

    def _refuse_two(self, session: Session) -> None:
        """Let nobody go on with what somebody else does: the journal could not be read back."""
        name, past = session.id, self._past.get(session.id)
        is_here = past is None or name in self.resumed
        newest = self.resumed.get(name, past.attempt if past else 1)
        in_flight = is_here and session.started and session.ended is None
        if in_flight or session.attempt < newest or name in self._starting:
            raise MisuseError(f"session {name!r} goes on already: resume it when it has ended")

    async def _declare(self, tools: Sequence[Mapping[str, Json]]) -> _Declared:
        """Declare *tools* unless they are; sessions with the same tools share one copy of them."""
        if not tools:
            return "", ()
        given = tools_hash(tuple(cast("Sequence[dict[str, Json]]", tools)))
        if given not in self._declared:
            schemas = read_schemas(tools)
            self._declared[given] = (await self.journal.declare(schemas), schemas)
        return self._declared[given]


def _new(name: str) -> Session:
    return Session(id=name or secrets.token_hex(8))
