"""Hold sessions to what they may have of the machine, over all their processes together.

The kernel bounds a process, a mount, a user; a session is none of these, and what bounds a group of
processes (a control group) or a folder (a quota) is not for an ordinary user to set up. So somebody
has to look. All processes and files of many sessions are too much to look at many times a second;
what is left of the whole machine is a number or two. Only where one of these moved, by a part of
what a session may have, is it found out who took it.

What counts as memory is what belongs to a process alone, its part of what it shares, and the names
of files in memory. What counts as disk is what the session's folders hold, a block for the smallest
file, and what its processes hold on to after they removed its name. Memory is fast to fill and fast
to count, disk is neither: each has a task of its own, and the one never waits for the other.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio

from hermes_run.errors import leaves, ungrouped
from hermes_run.sandboxes.disk_watch import DiskWatch
from hermes_run.sandboxes.memory_watch import MemoryWatch
from hermes_run.sandboxes.wall import Allowance
from hermes_run.sandboxes.watched import Watched

MEMORY_PAUSE_S, DISK_PAUSE_S = 0.125, 0.25
"""How long it takes to see that somebody takes too much; a disk is slower to fill."""

SHORT_PAUSE_S = 0.05
"""How long it takes where not much memory is left, or a session has too much disk already."""

LONGEST_PAUSE_S = 5.0
"""What takes long to look at is looked at less often, but not less often than this."""

PATIENCE_S = 5.0
"""A session whose memory or disk takes longer to count, in seconds of a processor, goes."""

REST = 4
"""Counting files takes one part of the time, and a rest of so many parts."""

_log = logging.getLogger(__name__)


class Watch:
    """Looks after sandboxes while they are in ``open``; made by :func:`open_watch`."""

    def __init__(self, allowance: Allowance, folder: Path, patience_s: float = PATIENCE_S) -> None:
        self.open: set[Watched] = set()
        self.memory = MemoryWatch(allowance, self.open, patience_s)
        self.disk = DiskWatch(allowance, self.open, folder, patience_s)
        self._told: set[str] = set()

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
        await self.look_at_memory()
        await self.look_at_disk()

    async def look_at_memory(self) -> None:
        """End what takes more memory than it may, or runs more processes."""
        try:
            await self.memory.look()
        # The sessions go on, whatever it is that can't be looked at.
        except Exception as error:  # noqa: BLE001
            self._tell("memory", error)

    async def look_at_disk(self) -> None:
        """End what takes more disk than it may."""
        try:
            await self.disk.look()
        except FileNotFoundError:  # whoever writes the record there says so
            return
        # As above.
        except Exception as error:  # noqa: BLE001
            self._tell("disk", error)

    def _tell(self, what: str, error: Exception) -> None:
        """Say once that somebody could not look."""
        for leaf in leaves(error):
            said = f"{what} of sessions can't be looked at: {type(leaf).__name__}: {leaf}"
            if said not in self._told and len(self._told) < 16:
                self._told.add(said)
                _log.warning("%s", said)


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
            tasks.start_soon(_keep_memory, watch)
            tasks.start_soon(_keep_disk, watch)
            yield watch
            tasks.cancel_scope.cancel()


async def _keep_memory(watch: Watch) -> None:
    pause = MEMORY_PAUSE_S
    while True:
        await anyio.sleep(pause)
        began = anyio.current_time()
        if watch.open:
            await watch.look_at_memory()
        least = SHORT_PAUSE_S if watch.memory.is_short else MEMORY_PAUSE_S
        pause = min(max(least, anyio.current_time() - began), LONGEST_PAUSE_S)


async def _keep_disk(watch: Watch) -> None:
    pause = DISK_PAUSE_S
    while True:
        await anyio.sleep(pause)
        began = anyio.current_time()
        if watch.open:
            await watch.look_at_disk()
        least = SHORT_PAUSE_S if watch.disk.over else DISK_PAUSE_S
        pause = min(max(least, REST * (anyio.current_time() - began)), LONGEST_PAUSE_S)
