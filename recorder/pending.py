"""The ordered, bounded buffer between those who record and the one task that writes.

Most lines come in without a question: there is ``room`` for a while, and who adds a line takes its
length off. When that is used up one has to :meth:`~Pending.enter`, which gives room again, or waits
in a queue until the writer has taken something. One at a time leaves the queue: to wake all of them
at once would cost more than to encode what they bring.

Two pages take turns: one is filled while the other is written. Memory that was used before is far
cheaper than new one, which the system has to find and to clear.
"""

from __future__ import annotations

import io

import anyio
import msgspec

from recorder.errors import RecorderError

_GRANT = 2**20
"""How much room is given at a time, in bytes: to ask must be rare, but others get their turn."""


class Batch(msgspec.Struct, frozen=True):
    """Whole lines in their order, how many bytes and how many lines."""

    lines: bytes | memoryview = b""
    size: int = 0
    count: int = 0


class Pending:
    """Lines that were accepted and that the writer has not taken yet.

    The pieces of a line may be given to ``add`` once its length was taken off ``room`` and that did
    not get negative, or once :meth:`enter` has returned; in either case before anything else is
    awaited. It is added to ``count`` before: were somebody interrupted in between, a line that
    nobody counts would be waited for without end.

    Args:
        most_bytes: how much there may be, in bytes; a longer line comes in alone.
    """

    def __init__(self, most_bytes: int) -> None:
        self.count = self.room = 0
        self._most_bytes = most_bytes
        self._page, self._spare = io.BytesIO(), io.BytesIO()
        self._written = io.BytesIO()
        self.add = self._page.writelines
        self._front = b""
        self._first = anyio.Lock(fast_acquire=True)
        self._paused = False
        self._refusal: RecorderError | None = None
        self._changed = anyio.Event()
        self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()

    @property
    def size(self) -> int:
        """How much there is, in bytes."""
        return len(self._front) + self._page.tell()

    async def enter(self, size: int) -> None:
        """Return when a line of *size* bytes may be added, before anything else is awaited.

        Raises:
            RecorderError: nothing may come any more.
        """
        if self._first.locked() or not self._has_room(size):
            async with self._first:
                while not self._has_room(size):
                    self.room = 0  # nobody gets past, or a long line might never find room
                    self._make_urgent()
                    await self._changed.wait()
                self._grant(size)
        else:
            self._grant(size)

    def hurry(self) -> None:
        """Shorten the time in which lines gather: somebody waits until they are durable."""
        self._hurry.set()

    async def gather(self, window_ends: float, hurry_ends: float) -> None:
        """Return when there is something to take and others had their time to add to it.

        Args:
            window_ends: until when lines may gather, on the clock of the event loop.
            hurry_ends: until when they may while somebody waits for them.
        """
        await self._work.wait()
        await _until(self._hurry, window_ends)
        await _until(self._urgent, min(window_ends, hurry_ends))

    def take(self, most_bytes: int | None) -> Batch:
        """Take everything; or, with a bound in bytes, what fits into it, but at least one line.

        What was taken before must be :meth:`done` or :meth:`put_back`.
        """
        if not self.count:
            return Batch()
        taken = self._take_front(most_bytes) if self._front or most_bytes else self._take_page()
        self.count -= taken.count
        self.room = 0
        if not self._refusal:
            self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()
        if self.count:
            self._work.set()
        self._wake()
        return taken

    def done(self, batch: Batch) -> None:
        """Fill the memory of *batch* again: it was written, and nobody looks at it any more."""
        if isinstance(batch.lines, memoryview):
            batch.lines.release()
            self._written.seek(0)
            if batch.size <= self._most_bytes:  # what one long line took is given back
                self._spare = self._written

    def put_back(self, batch: Batch) -> None:
        """Put *batch* back in front: it was taken, but not written."""
        self._front = bytes(batch.lines) + self._front
        self.count += batch.count
        self.room = 0
        self._work.set()

    def pause(self) -> None:
        """Let nothing in until :meth:`resume`."""
        self._paused = True
        self.room = 0

    def resume(self) -> None:
        """Let lines in again."""
        self._paused = False
        self._wake()

    def refuse(self, refusal: RecorderError) -> None:
        """Let nothing in any more: whoever comes, or waits, gets *refusal*."""
        self._refusal = refusal
        self.room = 0
        self._make_urgent()
        self._work.set()
        self._wake()

    def _has_room(self, size: int) -> bool:
        if self._refusal:
            raise again(self._refusal)
        held = self.size
        return not self._paused and (not held or held + size <= self._most_bytes)

    def _grant(self, size: int) -> None:
        """Give room for a line of *size* bytes, and for more after it where there is any."""
        if not self.count:
            self._work.set()
        self.room = max(0, min(_GRANT, self._most_bytes - self.size) - size)

    def _take_page(self) -> Batch:
        """Take the page that was being filled, and go on with the other."""
        self._written, self._page, self._spare = self._page, self._spare, io.BytesIO()
        self.add = self._page.writelines
        size = self._written.tell()
        return Batch(self._written.getbuffer()[:size], size, self.count)

    def _take_front(self, most_bytes: int | None) -> Batch:
        """Take what has to be copied: it was taken before, or not all of it is to go."""
        lines = self._front + self._page.getbuffer()[: self._page.tell()]
        self._page.seek(0)
        cut = len(lines)
        if most_bytes is not None and cut > most_bytes:
            cut = lines.rfind(b"\n", 0, most_bytes) + 1 or lines.find(b"\n") + 1
        taken, self._front = lines[:cut], lines[cut:]
        return Batch(taken, len(taken), taken.count(b"\n") if self._front else self.count)

    def _make_urgent(self) -> None:
        self._hurry.set()
        self._urgent.set()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


async def _until(event: anyio.Event, deadline: float) -> None:
    """Wait for *event*, but no longer than *deadline*; nothing is waited for that is over."""
    rest = deadline - anyio.current_time()
    if rest > 0 and not event.is_set():
        with anyio.move_on_after(rest):
            await event.wait()


def again(error: RecorderError) -> RecorderError:
    """Copy *error*: one object that is raised in many tasks collects all their tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
