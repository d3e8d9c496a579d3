"""What can be held to bounds from outside: an open sandbox with folders and a first process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from anyio import CapacityLimiter, to_thread

from hermes_run.sandboxes.usage import Family, families_of
from hermes_run.sandboxes.wall import Site


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


async def families(watched: Iterable[Watched], threads: CapacityLimiter) -> dict[Watched, Family]:
    """Find the processes of sandboxes, in one of *threads*."""
    leaders = {one: one.leader for one in watched}
    known = [leader for leader in leaders.values() if leader is not None]
    found = await to_thread.run_sync(families_of, known, limiter=threads, abandon_on_cancel=True)
    return {one: Family() if leader is None else found[leader] for one, leader in leaders.items()}
