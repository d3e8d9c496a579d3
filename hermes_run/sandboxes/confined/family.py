"""Find the processes that come from this one."""

from __future__ import annotations

import os


def descendants() -> dict[int, int]:
    """Give the processes that come from this one and have not ended, with their threads."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes longer to load than all of this
        if name.isdigit() and (looked := _look(name)):
            found[int(name)] = looked
    family = {os.getpid()}
    while more := {pid for pid, (parent, _) in found.items() if parent in family} - family:
        family |= more
    return {pid: found[pid][1] for pid in family - {os.getpid()}}


def children(pid: int) -> list[int]:
    """Give the children of a process, zombies too; of one that is gone there are none.

    The kernel may leave some out while others end (``proc_pid_children(5)``).
    """
    try:
        found: list[int] = []
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as above
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - as above
                found += map(int, file.read().split())
    except OSError:
        return []
    return found


def _look(pid: str) -> tuple[int, int] | None:
    """Give the parent of a process, and how many threads it has, unless it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            # The name is in brackets and may hold anything, brackets too.
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in b"ZX" else (int(fields[1]), int(fields[17]))
    except (OSError, ValueError, IndexError):
        return None
