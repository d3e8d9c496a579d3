"""The ordered, bounded buffer between those who record and the one task that writes.

Lines come in as long as there is room, then whoever comes waits, first come first served. The
writer waits for work, lets lines gather for a while, and takes them.
"""

from __future__ import annotations

import anyio

from recorder.errors import RecorderError


class Pending:
    """Lines that were accepted and that the writer has not taken yet.

    Up to ``bound`` bytes lines may be pushed without asking. It is negative while somebody waits,
    while the disk is full, and when nothing may come any more.

    Args:
        most_bytes: how much there may be, in bytes; a longer line comes in alone.
    """

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self.bound = most_bytes
        self._most_bytes = most_bytes
        self._lines: list[bytes] = []
        self._waiting = 0
        self._paused = False
        self._refusal: RecorderError | None = None
        self._queue = anyio.Lock(fast_acquire=True)
        self._room = anyio.Event()
        self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def push(self, line: bytes) -> None:
        """Add *line*, for which there is room."""
        if not self._lines:
            self._work.set()
        self._lines.append(line)
        self.bytes += len(line)

    async def wait_for_room(self, size: int) -> None:
        """Return when *size* bytes may be pushed, which is to happen before anything is awaited.

        Raises:
            RecorderError: nothing may come any more.
        """
        self._waiting += 1
        self._set_bound()
        try:
            async with self._queue:
                while not self._has_room(size):
                    self._make_urgent()
                    await self._room.wait()
        finally:
            self._waiting -= 1
            self._set_bound()

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
        with anyio.move_on_after(window_ends - anyio.current_time()):
            await self._hurry.wait()
            with anyio.move_on_after(hurry_ends - anyio.current_time()):
                await self._urgent.wait()

    def take(self, most_bytes: int | None) -> list[bytes]:
        """Take everything; or, with a bound in bytes, what fits into it, but at least one line."""
        lines = self._lines
        count = len(lines) if most_bytes is None else _fitting(lines, most_bytes)
        self._keep(lines[count:])
        if not self._refusal:
            self._work, self._hurry, self._urgent = anyio.Event(), anyio.Event(), anyio.Event()
        if self._lines:
            self._work.set()
        self._let_in()
        return lines[:count]

    def put_back(self, lines: list[bytes]) -> None:
        """Put *lines* back in front: they were taken, but not written."""
        self._keep(lines + self._lines)
        self._work.set()

    def pause(self) -> None:
        """Let nothing in until :meth:`resume`."""
        self._paused = True
        self._set_bound()

    def resume(self) -> None:
        """Let lines in again."""
        self._paused = False
        self._let_in()

    def refuse(self, refusal: RecorderError) -> None:
        """Let nothing in any more: whoever comes, or waits, gets *refusal*."""
        self._refusal = refusal
        self._make_urgent()
        self._work.set()
        self._let_in()

    def _has_room(self, size: int) -> bool:
        if self._refusal:
            raise again(self._refusal)
        if self._paused:
            return False
        return not self._lines or self.bytes + size <= self._most_bytes

    def _keep(self, lines: list[bytes]) -> None:
        self._lines = lines
        self.bytes = sum(map(len, lines))

    def _make_urgent(self) -> None:
        self._hurry.set()
        self._urgent.set()

    def _let_in(self) -> None:
        self._set_bound()
        room, self._room = self._room, anyio.Event()
        room.set()

    def _set_bound(self) -> None:
        blocked = self._waiting or self._paused or self._refusal
        self.bound = -1 if blocked else self._most_bytes


def again(error: RecorderError) -> RecorderError:
    """Copy *error*: one object that is raised in many tasks collects all their tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def _fitting(lines: list[bytes], most_bytes: int) -> int:
    """How many of *lines* fit, but at least one if there is one."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line)
        if size > most_bytes:
            return max(1, count)
    return len(lines)
