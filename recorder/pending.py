"""The ordered, bounded buffer between those who record and the one task that writes.

Most lines come in without a question: there is ``room`` for a while, and who adds a line takes its
length off. When that is used up one has to :meth:`~Pending.enter`, which packs what there is into
one piece and gives room for the next, or waits in a queue until the writer has taken something. The
first of the queue goes in, and the next is called when it has: to call all of them at once would
cost more than to encode what they bring.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import accumulate

import anyio
import msgspec

from recorder.errors import RecorderError

_PIECE = 2**20
"""Bytes of a piece: to ask for room must be rare, and to join what is not in the cache is dear."""


class Batch(msgspec.Struct, frozen=True):
    """Whole lines in their order, in pieces; how many bytes and how many lines."""

    pieces: tuple[bytes, ...] = ()
    size: int = 0
    count: int = 0


class _Place:
    """A place in the queue; ``called`` says that there may be room."""

    def __init__(self) -> None:
        self.called = anyio.Event()


class Pending:
    """Lines that were accepted and that the writer has not taken yet.

    ``lines`` are the newest. A line may be added to them once its length was taken off ``room``
    and that did not get negative, or once :meth:`enter` has returned.

    Args:
        most_bytes: how much there may be, in bytes; a longer line comes in alone.
    """

    def __init__(self, most_bytes: int) -> None:
        self.lines: list[bytes] = []
        self.room = 0
        self._granted = 0
        self._packed = Batch()
        self._most_bytes = most_bytes
        self._queue: deque[_Place] = deque()
        self._paused = False
        self._refusal: RecorderError | None = None
        self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()

    @property
    def size(self) -> int:
        """How much there is, in bytes."""
        return self._packed.size + self._granted - self.room

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._packed.count + len(self.lines)

    async def enter(self, size: int) -> None:
        """Return when a line of *size* bytes may be added, before anything else is awaited.

        Raises:
            RecorderError: nothing may come any more.
        """
        place = _Place()
        self._queue.append(place)
        try:
            while not self._may_enter(place, size):
                self._make_urgent()
                await place.called.wait()
                place.called = anyio.Event()
        finally:
            self._queue.remove(place)
            self._call_first()
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
        """Take everything; or, with a bound in bytes, what fits into it, but at least one line."""
        self._pack()
        taken, rest = _split(self._packed, most_bytes)
        self._packed = rest
        if not self._refusal:
            self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()
        if rest.count:
            self._work.set()
        self._call_first()
        return taken

    def put_back(self, batch: Batch) -> None:
        """Put *batch* back in front: it was taken, but not written."""
        self._pack()
        self._packed = _together(batch, self._packed)
        self._work.set()

    def pause(self) -> None:
        """Let nothing in until :meth:`resume`."""
        self._paused = True
        self._pack()

    def resume(self) -> None:
        """Let lines in again."""
        self._paused = False
        self._call_first()

    def refuse(self, refusal: RecorderError) -> None:
        """Let nothing in any more: whoever comes, or waits, gets *refusal*."""
        self._refusal = refusal
        self._pack()
        self._make_urgent()
        self._work.set()
        self._call_first()

    def _may_enter(self, place: _Place, size: int) -> bool:
        if self._refusal:
            raise again(self._refusal)
        # From here on nobody adds without a question, or a long line might never find room.
        self._pack()
        fits = not self._packed.size or self._packed.size + size <= self._most_bytes
        return fits and not self._paused and self._queue[0] is place

    def _grant(self, size: int) -> None:
        """Give room for a piece that begins with a line of *size* bytes."""
        if not self._packed.count:
            self._work.set()
        self._granted = max(size, min(_PIECE, self._most_bytes - self._packed.size))
        self.room = self._granted - size

    def _pack(self) -> None:
        """Join the newest lines to a piece, and leave no room."""
        if self.lines:
            size = self._granted - self.room
            piece = Batch((b"".join(self.lines),), size, len(self.lines))
            self._packed = _together(self._packed, piece)
            self.lines = []
        self._granted = self.room = 0

    def _call_first(self) -> None:
        if self._queue:
            self._queue[0].called.set()

    def _make_urgent(self) -> None:
        self._hurry.set()
        self._urgent.set()


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


def _together(one: Batch, other: Batch) -> Batch:
    return Batch((*one.pieces, *other.pieces), one.size + other.size, one.count + other.count)


def _split(batch: Batch, most_bytes: int | None) -> tuple[Batch, Batch]:
    """Split off whole pieces that fit into *most_bytes*, else whole lines, but at least one."""
    if most_bytes is None or batch.size <= most_bytes:
        return batch, Batch()
    first, *others = batch.pieces
    if len(first) > most_bytes:
        cut = first.rfind(b"\n", 0, most_bytes) + 1 or first.find(b"\n") + 1
        return _batch(first[:cut]), _batch(first[cut:], *others)
    ends = list(accumulate(map(len, batch.pieces)))
    count = bisect_right(ends, most_bytes)
    return _batch(*batch.pieces[:count]), _batch(*batch.pieces[count:])


def _batch(*pieces: bytes) -> Batch:
    kept = tuple(filter(None, pieces))
    return Batch(kept, sum(map(len, kept)), sum(piece.count(b"\n") for piece in kept))
