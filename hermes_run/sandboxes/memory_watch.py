"""Hold sessions to the memory and the processes that they may have.

How many threads the machine runs and how much memory it has left are one number each, at hardly any
cost. Where one of them moved, and every few seconds, the processes of all sessions are found; and
only where memory fell it is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import anyio
from anyio import CapacityLimiter, to_thread

from hermes_run.sandboxes.blame import RESERVE, Seen, blamed, size, step_of
from hermes_run.sandboxes.usage import Family, memory_of, read_short
from hermes_run.sandboxes.wall import Allowance
from hermes_run.sandboxes.watched import Watched, families

SLACK = 64
"""So many threads more than it may have a session gets: some are the wall's own."""

SCAN_S = 2.0
"""How long processes may go uncounted where there are so many that a session may have too many."""

LATEST_SCAN_S = 10.0
"""How long they may go uncounted anyway: while they grow, others on the machine may shrink."""

SHORT = 16
"""What is left is not much where it is less than so many times the reserve."""

SETTLE_S = 1.0
"""How long what was ended may take to give its memory back before the next one goes."""

STUCK_S = 20.0
"""What could not be counted after this, by the clock, is stuck in the system."""

AT_ONCE = 4
"""So many sessions are counted at once: one that takes long does not hold up the others."""

_log = logging.getLogger(__name__)


class MemoryWatch:
    """What is known of the memory and the processes of sessions.

    ``looked`` counts the accounts; where the machine ``is_short``, the next look must not be late.
    """

    def __init__(
        self, allowance: Allowance, watched: Collection[Watched], patience_s: float
    ) -> None:
        self.looked = 0
        self.reserve = RESERVE
        self.is_short = False
        self.most = 0
        self.calm: Seen | None = None
        self._allowance = allowance
        self._watched = watched
        self._patience_s = patience_s
        self._running = self._members = 0
        self._scanned_at = self._ended_at = float("-inf")
        self._told = False
        self._turns = CapacityLimiter(AT_ONCE)
        self._threads = CapacityLimiter(AT_ONCE**2)  # some may be stuck

    async def look(self) -> None:
        """End what takes more than it may.

        Raises:
            OSError: the system does not say what it has left.
        """
        left, running = memory_left(), threads_running()
        self.most = max(self.most, left)
        self.is_short = left < SHORT * self.reserve
        calm = self.calm = self.calm or Seen(left)
        fell = calm.left - left >= step_of(self._allowance.memory) or left < self.reserve
        if fell or self._is_due(running):
            found = await families(self._watched, self._threads)
            self._running, self._scanned_at = running, anyio.current_time()
            self._end_too_many(found)
            if fell:
                await self._account(found, left, calm)
        elif left > calm.left:
            self.calm = Seen(left, calm.had)

    def _is_due(self, running: int) -> bool:
        """Tell whether a session may have too many processes by now."""
        more = running - self._running
        waited_s = anyio.current_time() - self._scanned_at
        if self._members + more <= self._allowance.processes + SLACK:
            return waited_s >= LATEST_SCAN_S
        return waited_s >= SCAN_S or more >= max(SLACK, self._allowance.processes // 2)

    def _end_too_many(self, found: Mapping[Watched, Family]) -> None:
        allowed = self._allowance.processes
        self._members = sum(family.threads for family in found.values())
        for one, family in found.items():
            if family.threads > allowed + SLACK:
                self._stop(one, f"it had more than {allowed} processes and threads")

    async def _account(self, members: Mapping[Watched, Family], left: int, calm: Seen) -> None:
        self.looked += 1
        found: dict[Watched, int] = {}
        async with anyio.create_task_group() as tasks:
            for one, family in members.items():
                tasks.start_soon(self._hold, one, family, found)
        if left >= self.reserve:
            self.calm = Seen(left, found)
            self._told = False
        elif anyio.current_time() - self._ended_at >= SETTLE_S:
            self._keep_reserve(found, left, calm)

    def _keep_reserve(self, found: Mapping[Watched, int], left: int, calm: Seen) -> None:
        one = blamed(found, left, calm, self.most)
        if one:
            has = size(found[one])
            self._stop(one, f"the machine had no more memory, and this session had {has} of it")
        elif not self._told:
            self._told = True
            _log.warning("the machine has no more memory, and it is no session that took it")

    async def _hold(self, one: Watched, family: Family, found: dict[Watched, int]) -> None:
        """Count a session's memory and note it, or end it where it is too much."""
        async with self._turns:
            if one not in self._watched:  # it has ended meanwhile
                return
            has = await self._count(family)
            if has is not None and has > self._allowance.memory:
                # What is just about to start another program shows its memory twice for a moment.
                family = (await families([one], self._threads))[one]
                has = await self._count(family)
        if has is None:
            self._stop(one, "its memory took too long to count")
        elif has > self._allowance.memory:
            allowed = size(self._allowance.memory)
            self._stop(one, f"its processes had more than {allowed} of memory")
        else:
            found[one] = has

    def _stop(self, one: Watched, reason: str) -> None:
        self._ended_at = anyio.current_time()
        one.stop(reason)

    async def _count(self, family: Family) -> int | None:
        with anyio.move_on_after(STUCK_S):
            return await to_thread.run_sync(
                memory_of,
                family.processes,
                self._patience_s,
                limiter=self._threads,
                abandon_on_cancel=True,
            )
        return None


def memory_left() -> int:
    """Bytes of memory that the machine can still give, also by swapping, see proc_meminfo(5).

    Raises:
        OSError: the system does not say.
    """
    lines = read_short("/proc/meminfo").splitlines()
    counts = [
        line.split()[1] for line in lines if line.startswith((b"MemAvailable:", b"SwapFree:"))
    ]
    return sum(map(int, counts)) * 1024


def threads_running() -> int:
    """How many threads the machine has, see proc_loadavg(5).

    Raises:
        OSError: the system does not say.
    """
    return int(read_short("/proc/loadavg").split()[3].partition(b"/")[2])
