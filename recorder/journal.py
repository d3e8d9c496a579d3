"""The journal: every fact on disk, in order, and acknowledged only when it is durable.

Theory of operation
-------------------
``await journal.accept(event)`` returns when the event stands in the ordered list of pending lines:
it is *accepted*. ``await journal.durable()`` returns when everything accepted so far was written
and synced: it is *acknowledged*. The disk always holds a prefix of what was accepted.

One writer task swaps the pending list, writes it and syncs once for all of it in a worker thread,
then releases those who wait. After an idle moment it commits at once; under load lines gather for a
window of 50 ms since the last commit began, which somebody waiting in ``durable`` cuts to 5 ms, as
an effect waits for it; for ``kept`` only a row does, and a commit costs what hundred events do.
Pending bytes are bounded: when the list is full, ``accept`` waits, first come first served.

After any error the segment is given up (see :mod:`recorder.chain`). When the disk is full, a new
segment takes everything that was not acknowledged as soon as there is room; until then nothing is
accepted, so nothing is spent. When the file may not grow, a new segment takes over at once, with
less at a time if even that is too much. Any other error is final: whoever offers a fact or waits
for one gets :class:`~recorder.errors.JournalError`.

The writer is shielded from the cancellation of the tasks around it, so that a session that is being
cancelled can still write how it ended. What bounds that shield is :meth:`Journal.close`: after it,
as after :meth:`Journal.wait_no_more`, a disk that is full at one more try is an error as any other.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from recorder.beside import beside
from recorder.chain import Chain
from recorder.declared import Declared
from recorder.disk import FULL, Disk
from recorder.errors import JournalError, MisuseError
from recorder.events import Event, tools_hash
from recorder.framing import frame_into
from recorder.messages import Json
from recorder.pending import Batch, Pending, again
from recorder.settings import DEFAULTS, JournalSettings, JournalStatistics


@asynccontextmanager
async def open_journal(
    directory: Path,
    run: str,
    settings: JournalSettings = DEFAULTS,
    disk: Disk | None = None,
) -> AsyncGenerator[Journal]:
    """Begin a new segment under *directory* and keep it until the block ends.

    Leaving the block makes everything durable, also when the block is cancelled.

    Args:
        directory: the journal folder; it is made where it is missing.
        run: the id of the run, written into the first line.
        settings: how to commit.
        disk: what to write with.

    Raises:
        JournalError: the segment can't be begun, or what was accepted can't be made durable.
    """
    chain = Chain(directory, run, settings, disk or Disk())
    journal = Journal(chain, settings)
    await journal.begin()
    try:
        async with beside(journal.write_until_closed):
            try:
                yield journal
            finally:
                journal.close()
    finally:
        journal.check()


class Journal:
    """An open journal; made by :func:`open_journal`.

    Lines are durable, in flight or pending, in this order; a place among all that was accepted is
    a number of bytes.
    """

    def __init__(self, chain: Chain, settings: JournalSettings) -> None:
        self._chain = chain
        self._settings = settings
        self._pending = Pending(settings.pending_bytes)
        self._batch_bytes: int | None = None
        self._durable = self._events = self._bytes = self._commits = 0
        self._in_flight = Batch()
        self._line, self._declared = bytearray(), Declared()
        self._failure: JournalError | None = None
        self._paused: str | None = None
        self._closed, self._hurried = anyio.Event(), anyio.Event()
        self._released = anyio.Event()
        self._thread = anyio.CapacityLimiter(1)
        self._begun = anyio.current_time()
        self._last_take = self._last_commit = 0.0

    async def __call__(self, event: Event) -> None:
        """Accept *event*; with ``sync="event"`` also make it durable. Raises as these do."""
        await self.accept(event)
        await self.settled()

    async def accept(self, event: Event) -> None:
        """Accept *event*: it stands in the ordered list, or this raises and it does not.

        Raises:
            JournalError: the record can't be written any more.
            MisuseError: the journal is closed, or the event has no JSON form.
        """
        line, pending = self._line, self._pending
        end = frame_into(event, line)
        room = pending.room - len(line) - len(end)
        if room < 0:
            line = bytes(line)  # others need the buffer meanwhile
            await pending.enter(len(line) + len(end))
        else:
            pending.room = room
        pending.count += 1
        pending.add((line, end))

    async def settled(self) -> None:
        """Return when what was accepted is as safe as the sync mode promises; raises as durable."""
        if self._settings.sync == "event":
            await self.durable()

    async def declare(self, tools: tuple[dict[str, Json], ...]) -> str:
        """Record a list of tool schemas, once; gives the hash that sessions refer to it by.

        Raises:
            JournalError: the record can't be written any more.
            MisuseError: the journal is closed, or the schemas have no JSON form.
        """
        name, declared = tools_hash(tools), self._declared
        if name in declared:
            return name
        async with declared.turn:
            if name not in declared:  # somebody did while this waited for its turn
                line = declared.line(name, tools)
                await self._pending.enter(len(line))
                self._pending.count += 1
                self._pending.add((line,))
                declared.accept(name, line, self._accepted)
        return name

    async def durable(self) -> None:
        """Return when everything accepted so far is on disk.

        Raises:
            JournalError: it never will be.
        """
        target = self._accepted
        while self._durable < target:
            if self._durable + self._in_flight.size < target:
                self._pending.hurry()
            await self._next_commit()

    async def kept(self) -> None:
        """Do what :meth:`durable` does, and let the window run its course."""
        target = self._accepted
        while self._durable < target:
            await self._next_commit()

    async def writable(self) -> None:
        """Return when no commit waits for room on the disk; raises as durable."""
        while self._paused:
            await self._next_commit()
        self.check()

    @property
    def failed(self) -> bool:
        """Whether the record can't be written any more."""
        return self._failure is not None

    def check(self) -> None:
        """Raise what stopped the journal, if anything did."""
        if self._failure:
            raise again(self._failure)

    def statistics(self) -> JournalStatistics:
        """What was done so far."""
        return JournalStatistics(
            accepted=self._events + self._in_flight.count + self._pending.count,
            durable=self._events,
            bytes=self._bytes,
            commits=self._commits,
            idle_s=anyio.current_time() - max(self._begun, self._last_commit),
            paused=self._paused,
        )

    async def begin(self) -> None:
        """Make the first segment, so that a folder that can't be written to is known at once."""
        try:
            self._bytes = await anyio.to_thread.run_sync(self._chain.begin, limiter=self._thread)
        except OSError as error:
            what = f"the journal can't be begun in {self._chain.directory}: {error}"
            raise JournalError(what) from error

    def wait_no_more(self) -> None:
        """Wait for room no more: there is one more try, and a full disk is an error from now on."""
        self._hurried.set()

    def close(self) -> None:
        """Accept nothing more; the writer commits what is pending and stops."""
        self._closed.set()
        self.wait_no_more()
        if not self._failure:
            self._pending.refuse(MisuseError("the record is closed: nothing more can be recorded"))

    async def write_until_closed(self) -> None:
        """Commit again and again until :meth:`close`; the one task that writes."""
        with anyio.CancelScope(shield=True):
            while not self._failure and (self._pending.count or not self._closed.is_set()):
                await self._gather()
                await self._commit()
            try:
                await anyio.to_thread.run_sync(self._chain.close, limiter=self._thread)
            except OSError as error:
                self._fail(f"the record can't be closed: {error}", error)

    async def _next_commit(self) -> None:
        self.check()
        await self._released.wait()

    @property
    def _accepted(self) -> int:
        """The place where the next line will end up."""
        return self._durable + self._in_flight.size + self._pending.size

    async def _gather(self) -> None:
        """Let lines come, and leave a quick commit the time to be done when the window ends."""
        settings, last = self._settings, self._last_take
        grouped = settings.sync != "event"  # else each line has a sync of its own
        takes = min(self._last_commit - last, settings.hurry_s, settings.window_s / 2)
        window_ends = last + grouped * (settings.window_s - takes)
        await self._pending.gather(window_ends, hurry_ends=last + grouped * settings.hurry_s)

    async def _commit(self) -> None:
        batch = self._pending.take(self._batch_bytes)
        if not batch.count:
            return
        self._in_flight, self._last_take = batch, anyio.current_time()
        try:
            written = await anyio.to_thread.run_sync(
                self._chain.append, batch.lines, self._declared.lines, limiter=self._thread
            )
        except Exception as error:  # noqa: BLE001  # a fact for all who wait: nobody waits for ever
            self._in_flight = Batch()
            self._pending.put_back(batch)
            await self._recover(batch, error)
        else:
            self._acknowledge(written)
            self._pending.done(batch)
        self._last_commit = anyio.current_time()
        released, self._released = self._released, anyio.Event()
        released.set()

    def _acknowledge(self, written: int) -> None:
        batch, self._in_flight = self._in_flight, Batch()
        self._durable += batch.size
        self._events += batch.count
        self._bytes, self._commits = self._bytes + written, self._commits + 1
        self._declared.acknowledge(self._durable)
        if self._paused:
            self._paused = None
            self._pending.resume()

    async def _recover(self, batch: Batch, error: Exception) -> None:
        code = error.errno if isinstance(error, OSError) else None
        if code == errno.EFBIG:
            self._take_less(batch, error)
        elif code in FULL and not self._hurried.is_set():
            self._paused = str(error)
            self._pending.pause()
            with anyio.move_on_after(self._settings.retry_s):
                await self._hurried.wait()
        else:
            self._fail(f"the record can't be written: {error}", error)

    def _take_less(self, batch: Batch, error: Exception) -> None:
        """Halve the batch if even a file of its own could not grow to hold it."""
        if self._chain.fresh and batch.count > 1:
            self._batch_bytes = batch.size // 2
        elif self._chain.fresh:
            self._fail(
                f"the record can't be written: a fact of {batch.size} bytes does not fit into a "
                f"file of its own (does `ulimit -f` limit it?): {error}",
                error,
            )

    def _fail(self, what: str, cause: Exception) -> None:
        self._failure = JournalError(what)
        self._failure.__cause__ = cause
        self._pending.refuse(self._failure)
