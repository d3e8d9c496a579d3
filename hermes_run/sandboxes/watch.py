"""Hold sessions to the memory and the disk that they may have, over all their processes together.

The kernel bounds a process, a mount, a user; a session is none of these, and what bounds a group of
processes (a control group) or a folder (a quota) is not for an ordinary user to set up. So somebody
has to look. All processes and files of many sessions are too much to look at many times a second;
what is left of the whole machine is one number each. Only where one of these fell, by a part of
what a session may have, is it found out who took it.

What counts as memory is what belongs to a process alone, its part of what it shares, and the names
of files in memory. What counts as disk is what the session's folders hold, a block for the smallest
file, and what its processes hold open after they removed its name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Generator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import anyio
import msgspec
import psutil
from anyio import to_thread

from hermes_run.errors import ungrouped
from hermes_run.sandboxes.usage import (
    BLOCK,
    families_of,
    held_open,
    used_disk,
    used_memory,
    used_names,
)
from hermes_run.sandboxes.wall import Allowance, Site

PAUSE_S = 0.05
"""How long it takes to see that somebody takes too much."""

PARTS = 16
"""What fell by so small a part of a session's allowance is looked into."""

LEAST = 16 * 2**20
"""Nobody is looked for because of less than this, in bytes."""

RESERVE = 128 * 2**20
"""What must be left of the machine's memory and disk, in bytes, or the largest session goes."""


@runtime_checkable
class Watched(Protocol):
    """A sandbox that is open: its folders, and the process that all of its processes come from."""

    site: Site

    @property
    def leader(self) -> int | None:
        """The id of that process on this machine, where there is one now."""
        ...

    def stop(self, reason: str) -> None:
        """End all its processes; a call that runs says *reason*."""
        ...


class Room(msgspec.Struct, frozen=True):
    """What the machine has left: bytes of memory, bytes of disk, and files that can be made."""

    memory: int
    disk: int
    files: int


class Taken(msgspec.Struct, frozen=True):
    """What one session has, in bytes of memory and of disk."""

    memory: int
    disk: int


class Watch:
    """Looks after sandboxes while they are in ``open``; made by :func:`open_watch`.

    ``looked`` counts how often it was found out who has how much.
    """

    def __init__(self, allowance: Allowance, folder: Path) -> None:
        self.open: set[Watched] = set()
        self.looked = 0
        self._allowance = allowance
        self._folder = folder
        self._most: Room | None = None

    @contextlib.contextmanager
    def over(self, sandbox: object) -> Generator[None]:
        """Look after *sandbox* meanwhile, if it is one that can be stopped."""
        if not isinstance(sandbox, Watched):
            yield
            return
        self.open.add(sandbox)
        try:
            yield
        finally:
            self.open.discard(sandbox)

    async def look(self) -> None:
        """End what takes more than it may; who that is, is found out only if the room shrank."""
        try:
            room = await to_thread.run_sync(room_at, self._folder)
        except FileNotFoundError:  # whoever writes the record there says so
            return
        most = self._most or room
        if not shrank(most, room, self._allowance):
            self._most = _larger(most, room)
            return
        self._most = room
        self.looked += 1
        found = await self._account()
        reasons = excesses(tuple(found.values()), room, self._allowance)
        for one, reason in zip(found, reasons, strict=True):
            if reason and one in self.open:
                one.stop(reason)

    async def _account(self) -> dict[Watched, Taken]:
        watched = [(one, one.leader, one.site) for one in self.open]
        leaders = [leader for _, leader, _ in watched if leader is not None]
        families = await to_thread.run_sync(families_of, leaders)
        found: dict[Watched, Taken] = {}
        for one, leader, site in watched:
            family = () if leader is None else families[leader]
            found[one] = await to_thread.run_sync(taken_by, site, family, self._allowance.disk)
        return found


@contextlib.asynccontextmanager
async def open_watch(allowance: Allowance, folder: Path) -> AsyncGenerator[Watch]:
    """Look after sandboxes for as long as this is open.

    Args:
        allowance: what each of them may take.
        folder: where their folders are.
    """
    watch = Watch(allowance, folder)
    with ungrouped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_keep_looking, watch)
            yield watch
            tasks.cancel_scope.cancel()


async def _keep_looking(watch: Watch) -> None:
    while True:
        await anyio.sleep(PAUSE_S)
        if watch.open:
            await watch.look()


def shrank(most: Room, now: Room, allowance: Allowance) -> bool:
    """Tell whether there is so much less room *now* that somebody may have too much, or all."""
    disk = _step(allowance.disk)
    return (
        most.memory - now.memory >= _step(allowance.memory)
        or most.disk - now.disk >= disk
        or (most.files - now.files) * BLOCK >= disk
        or now.memory < RESERVE
        or now.disk < RESERVE
    )


def excesses(found: Sequence[Taken], room: Room, allowance: Allowance) -> list[str | None]:
    """Say of each session what it has too much of, if anything.

    Where the machine itself is about to have nothing left, whoever has the most has too much: the
    run, its record and the other sessions are worth more.
    """
    reasons = [_excess(taken, allowance) for taken in found]
    for name, left in (("memory", room.memory), ("disk", room.disk)):
        has = [getattr(taken, name) for taken in found]
        most = max(has, default=0)
        if left < RESERVE and most > LEAST and not any(reasons):
            reasons[has.index(most)] = (
                f"the machine had no more {name}, and this session had {_size(most)} of it"
            )
    return reasons


def _excess(taken: Taken, allowance: Allowance) -> str | None:
    if taken.memory > allowance.memory:
        return f"its processes had more than {_size(allowance.memory)} of memory"
    if taken.disk > allowance.disk:
        return f"it wrote more than {_size(allowance.disk)} to its disk"
    return None


def _size(count: int) -> str:
    return f"{count / 2**30:.3g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"


def _step(allowed: int) -> int:
    return max(LEAST, allowed // PARTS)


def _larger(one: Room, other: Room) -> Room:
    return Room(
        max(one.memory, other.memory), max(one.disk, other.disk), max(one.files, other.files)
    )


def room_at(folder: Path) -> Room:
    """Look at what the machine has left, of disk where *folder* is."""
    found = os.statvfs(folder)
    memory = psutil.virtual_memory().available
    return Room(memory, found.f_bavail * found.f_frsize, found.f_favail)


def taken_by(site: Site, family: Sequence[int], enough: int) -> Taken:
    """Find out what a session has; nothing where its workspace is gone.

    Args:
        site: where it works.
        family: its processes.
        enough: bytes of disk after which nothing more is counted.
    """
    try:
        device = site.folder.stat().st_dev
    except FileNotFoundError:  # its session has ended meanwhile
        return Taken(0, 0)
    disk = used_disk(site.folder, enough)
    disk += used_disk(site.scratch, enough)
    held = sum(held_open(process, device) for process in family)
    memory = sum(used_memory(process) for process in family)
    return Taken(memory + max(map(used_names, family), default=0), disk + held)
