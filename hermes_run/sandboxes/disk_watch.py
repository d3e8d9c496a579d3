"""Hold sessions to the disk that they may have.

What the disk has left, of bytes and of files, are two numbers at hardly any cost. Only where one of
them fell, the folders of all sessions are walked. A session that had too much was stopped, and goes
on to have it: from then on it is counted at every look until it has no longer too much, and stopped
for whatever it adds: what it writes between two looks is all that a call can add. It may take away.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import anyio
from anyio import CapacityLimiter, to_thread

from hermes_run.sandboxes.blame import RESERVE, Seen, blamed, size, step_of
from hermes_run.sandboxes.disk_usage import BLOCK, disk_of
from hermes_run.sandboxes.usage import Family
from hermes_run.sandboxes.wall import Allowance
from hermes_run.sandboxes.watched import Watched, families

GROWTH = 2**20
"""What a session that has too much may add, in bytes: a command leaves a note or two of its own."""

FULLY = 2**62
"""Counting has no other end than patience where it is to be known how much too much it is."""

LONGER = 4
"""So many times the patience there is for what had too much: somebody has to see it shrink."""

STUCK_S = 60.0
"""What could not be counted after this, by the clock, is stuck in the system."""

AT_ONCE = 2
"""So many sessions are counted at once: one that takes long does not hold up the others."""

_log = logging.getLogger(__name__)


class DiskWatch:
    """What is known of the disk of sessions; ``looked`` counts the accounts.

    ``over`` holds those that had too much, with what they had at the last look, once it is known.
    """

    def __init__(
        self,
        allowance: Allowance,
        watched: Collection[Watched],
        folder: Path,
        patience_s: float,
    ) -> None:
        self.looked = 0
        self.reserve = RESERVE
        self.most = 0
        self.calm: Seen | None = None
        self.over: dict[Watched, int | None] = {}
        self._allowance = allowance
        self._watched = watched
        self._folder = folder
        self._patience_s = patience_s
        self._names = 0
        self._told = False
        self._turns = CapacityLimiter(AT_ONCE)
        self._threads = CapacityLimiter(AT_ONCE**3)  # some may be stuck

    async def look(self) -> None:
        """End what takes more than it may.

        Raises:
            OSError: the system does not say what it has left.
        """
        left, names = await to_thread.run_sync(
            disk_left, self._folder, limiter=self._threads, abandon_on_cancel=True
        )
        self.over = {one: had for one, had in self.over.items() if one in self._watched}
        self.most = max(self.most, left)
        calm = self.calm = self.calm or Seen(left)
        self._names = max(self._names, names)
        step = step_of(self._allowance.disk)
        fell = calm.left - left >= step or (self._names - names) * BLOCK >= step
        if fell or left < self.reserve:
            self._names = names
            await self._account(left, calm)
            return
        if left > calm.left:
            self.calm = Seen(left, calm.had)
        if self.over:
            await self._count_all(tuple(self.over), left)

    async def _account(self, left: int, calm: Seen) -> None:
        self.looked += 1
        stopped = set(self.over)
        found = await self._count_all(self._watched, left)
        if left >= self.reserve:
            self.calm = Seen(left, found)
            self._told = False
        elif set(self.over) <= stopped:  # nobody has gone yet
            # What was stopped for it already may take away what it has.
            free = {one: has for one, has in found.items() if one not in self.over}
            self._keep_reserve(free, left, calm)

    def _keep_reserve(self, found: Mapping[Watched, int], left: int, calm: Seen) -> None:
        one = blamed(found, left, calm, self.most)
        if one:
            has = size(found[one])
            self._stop(one, f"the machine had no more disk, and this session had {has} of it")
        elif not self._told and not self.over:
            self._told = True
            _log.warning("the machine has no more disk, and it is no session that took it")

    async def _count_all(self, watched: Collection[Watched], left: int) -> dict[Watched, int]:
        members = await families(watched, self._threads)
        found: dict[Watched, int] = {}
        async with anyio.create_task_group() as tasks:
            for one, family in members.items():
                tasks.start_soon(self._hold, one, family, found)
        for one, has in found.items():
            if one in self.over:
                self._hold_to_less(one, has, left)
        return found

    async def _hold(self, one: Watched, family: Family, found: dict[Watched, int]) -> None:
        """Count a session's disk and note it, or end it where it has newly too much."""
        async with self._turns:
            if one not in self._watched:  # it has ended meanwhile
                return
            has = await self._count(one, family)
        if has is None:
            self._stop(one, "its files took too long to count")
        elif has > self._allowance.disk and one not in self.over:
            self._stop(one, f"it wrote more than {size(self._allowance.disk)} to its disk")
        else:
            found[one] = has

    def _hold_to_less(self, one: Watched, has: int, left: int) -> None:
        """Let a session that had too much have less and less, until it is no longer too much."""
        had = self.over[one]
        if has <= self._allowance.disk and left >= self.reserve:
            del self.over[one]
        elif had is None:
            self.over[one] = has
        elif has > had + GROWTH:
            self._stop(one, f"it had {size(had)} on its disk, which was too much, and wrote more")
        else:
            self.over[one] = min(had, has)

    def _stop(self, one: Watched, reason: str) -> None:
        # What it has is known when its processes are gone: from there on it may take away.
        self.over[one] = None
        one.stop(reason)

    async def _count(self, one: Watched, family: Family) -> int | None:
        enough, patience_s = self._allowance.disk, self._patience_s
        if one in self.over:
            enough, patience_s = FULLY, patience_s * LONGER
        with anyio.move_on_after(STUCK_S):
            return await to_thread.run_sync(
                disk_of,
                one.site,
                family.processes,
                enough,
                patience_s,
                limiter=self._threads,
                abandon_on_cancel=True,
            )
        return None


def disk_left(folder: Path) -> tuple[int, int]:
    """Give the bytes, and the files, that can still be made on the disk of *folder*.

    Raises:
        OSError: it is gone, or the disk does not say.
    """
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_favail
