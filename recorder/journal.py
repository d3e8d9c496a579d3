"""The journal: every fact on disk, in order, and acknowledged only when it is durable.

Theory of operation
-------------------
``await journal(event)`` returns when the event stands in the ordered list of pending lines: it is
*accepted*. ``await journal.durable()`` returns when everything accepted so far was written and
synced: it is *acknowledged*. The disk always holds a prefix of what was accepted.

One writer task swaps the pending list, does one write and one sync for all of it in a worker
thread, then releases those who wait. After an idle moment it commits at once; under load it lets
lines gather for a window of 50 ms, which somebody waiting in ``durable`` shortens to 5 ms. Pending
bytes are bounded: when the list is full, ``journal(event)`` waits.

After any error the segment is poisoned: it is never written or synced again, because after a failed
sync a second one can succeed with the bytes gone. When the disk is full (or the file may not grow),
a new segment takes everything that was not acknowledged, as soon as there is room; until then
nothing is accepted, so nothing is spent. Any other error is final: whoever offers a fact or waits
for one gets :class:`~recorder.errors.JournalError`.

The writer is shielded from the cancellation of the tasks around it, so that a session that is being
cancelled can still write how it ended.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import anyio.to_thread
import msgspec

from recorder.beside import beside
from recorder.disk import Disk, make_directory
from recorder.errors import JournalError
from recorder.events import SCHEMA, Event, SegmentOpened, ToolsDeclared, timestamp, tools_hash
from recorder.framing import frame
from recorder.messages import Json
from recorder.segment import Segment
from recorder.version import VERSION

Sync: TypeAlias = Literal["event", "group", "none"]
"""``event``: each fact waits for its own sync; ``group``: one sync a window; ``none``: no sync."""

_TOOLS_DECLARED = b'{"event":"tools_declared",'
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalSettings(msgspec.Struct, frozen=True):
    """How a journal commits; times in seconds, sizes in bytes."""

    sync: Sync = "group"
    window_s: float = 0.05
    hurry_s: float = 0.005
    pending_bytes: int = 8 * 2**20
    segment_bytes: int = 256 * 2**20
    retry_s: float = 0.5
    close_s: float = 30.0


class JournalStatistics(msgspec.Struct, frozen=True):
    """What the journal has done so far; ``idle_s`` is the time since its last commit."""

    accepted: int
    durable: int
    bytes: int
    commits: int
    idle_s: float
    paused: str | None


@asynccontextmanager
async def open_journal(
    directory: Path,
    run: str,
    settings: JournalSettings = JournalSettings(),
    disk: Disk | None = None,
) -> AsyncIterator[Journal]:
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
    journal = Journal(directory, run, settings, disk or Disk())
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
    """An open journal; made by :func:`open_journal`."""

    def __init__(self, directory: Path, run: str, settings: JournalSettings, disk: Disk) -> None:
        self._directory = directory
        self._run = run
        self._settings = settings
        self._disk = disk
        self._writer = f"{os.getpid():x}{secrets.token_hex(3)}"
        self._segment: Segment | None = None
        self._tools: dict[str, bytes] = {}
        self._written_tools: list[bytes] = []
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._accepted = self._durable = self._bytes = self._commits = 0
        self._last_commit = float("-inf")
        self._failure: JournalError | None = None
        self._paused: str | None = None
        self._work, self._hurry, self._released = anyio.Event(), anyio.Event(), anyio.Event()
        self._closed = anyio.Event()
        self._thread = anyio.CapacityLimiter(1)

    async def __call__(self, event: Event) -> None:
        """Accept *event*: it stands in the ordered list when this returns.

        Raises:
            JournalError: the record can't be written any more.
        """
        await self._accept(frame(event))
        if self._settings.sync == "event":
            await self.durable()

    async def declare(self, tools: tuple[dict[str, Json], ...]) -> str:
        """Record a list of tool schemas, once; gives the hash that sessions refer to it by."""
        name = tools_hash(tools)
        if name not in self._tools:
            fact = ToolsDeclared(
                session="", seq=len(self._tools) + 1, ts=_now(), tools_hash=name, tools=tools
            )
            self._tools[name] = frame(fact)
            await self._accept(self._tools[name])
        return name

    async def durable(self) -> None:
        """Return when everything accepted so far is on disk.

        Raises:
            JournalError: it never will be.
        """
        target = self._accepted
        while self._durable < target:
            self.check()
            self._hurry.set()
            await self._released.wait()

    def check(self) -> None:
        """Raise what stopped the journal, if anything did."""
        if self._failure:
            raise self._failure

    def statistics(self) -> JournalStatistics:
        """What was done so far."""
        return JournalStatistics(
            accepted=self._accepted,
            durable=self._durable,
            bytes=self._bytes,
            commits=self._commits,
            idle_s=anyio.current_time() - self._last_commit,
            paused=self._paused,
        )

    async def begin(self) -> None:
        """Make the first segment, so that a folder that can't be written to is known at once."""
        try:
            await anyio.to_thread.run_sync(self._open_segment, limiter=self._thread)
        except OSError as error:
            raise JournalError(f"the journal can't be begun in {self._directory}: {error}") from error

    def close(self) -> None:
        """Ask the writer to commit what is pending and stop."""
        self._closed.set()
        self._work.set()
        self._hurry.set()

    async def write_until_closed(self) -> None:
        """Commit again and again until :meth:`close`; the one task that writes."""
        with anyio.CancelScope(shield=True):
            while not self._failure and (self._pending or not self._closed.is_set()):
                await self._work.wait()
                await self._gather()
                await self._commit()
            if self._segment:
                self._segment.close()

    async def _accept(self, line: bytes) -> None:
        while not self._has_room(len(line)):
            await self._released.wait()
        self._pending.append(line)
        self._pending_bytes += len(line)
        self._accepted += 1
        self._work.set()

    def _has_room(self, size: int) -> bool:
        self.check()
        if self._paused:
            return False
        return not self._pending or self._pending_bytes + size <= self._settings.pending_bytes

    async def _gather(self) -> None:
        """Let more lines come, unless the last commit is long ago or somebody waits."""
        rest = self._last_commit + self._settings.window_s - anyio.current_time()
        if rest <= 0 or self._closed.is_set():
            return
        with anyio.move_on_after(rest):
            await self._hurry.wait()
            if not self._closed.is_set():
                await anyio.sleep(self._settings.hurry_s)

    async def _commit(self) -> None:
        batch, self._pending, self._pending_bytes = self._pending, [], 0
        if not self._closed.is_set():
            self._work, self._hurry = anyio.Event(), anyio.Event()
        try:
            await anyio.to_thread.run_sync(self._write, batch, limiter=self._thread)
        except OSError as error:
            await self._recover(batch, error)
        else:
            self._durable += len(batch)
            self._commits += 1
            self._paused = None
        self._last_commit = anyio.current_time()
        released, self._released = self._released, anyio.Event()
        released.set()

    async def _recover(self, batch: list[bytes], error: OSError) -> None:
        """Poison the segment; go on in a new one if the disk was only full."""
        self._abandon_segment()
        if error.errno not in _FULL or self._closed.is_set():
            self._failure = JournalError(f"the record can't be written: {error}")
            self._failure.__cause__ = error
            return
        self._paused = str(error)
        self._pending = batch + self._pending
        self._pending_bytes = sum(map(len, self._pending))
        self._work.set()
        with anyio.move_on_after(self._settings.retry_s):
            await self._closed.wait()

    def _abandon_segment(self) -> None:
        if self._segment:
            try:
                self._segment.close()
            finally:
                self._segment = None

    def _write(self, batch: list[bytes]) -> None:
        """Write and sync *batch*; runs in the worker thread."""
        if self._segment is None or self._segment.size >= self._settings.segment_bytes:
            self._open_segment()
        segment = self._segment
        assert segment is not None  # noqa: S101  # narrowed: opened above
        content = b"".join(batch)
        segment.append(content)
        if self._settings.sync != "none":
            segment.sync()
        self._bytes += len(content)
        self._written_tools += [line for line in batch if line.startswith(_TOOLS_DECLARED)]

    def _open_segment(self) -> None:
        if self._segment:
            self._segment.close()
            self._segment = None
        make_directory(self._directory)
        self._segment = Segment.create(self._directory, self._writer, self._disk)
        opened = SegmentOpened(
            session="",
            seq=0,
            ts=_now(),
            schema=SCHEMA,
            run=self._run,
            writer=self._writer,
            sync=self._settings.sync,
            version=VERSION,
        )
        header = b"".join([frame(opened), *self._written_tools])
        self._segment.append(header)
        self._bytes += len(header)


def _now() -> str:
    return timestamp(time.time())
