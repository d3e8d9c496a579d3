"""What the processes of a session have of the machine, and what its folders hold.

All of it changes while it is looked at, by somebody who may want it to be overlooked: folders are
walked by descriptors, follow no link and are opened also where they are locked. A part that goes
missing meanwhile counts nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from hermes_run.sandboxes.tree import FOLDER
from hermes_run.sandboxes.workspaces import opened

BLOCK = 4096
"""What the smallest file takes, in bytes: names are no less a burden than what is in them."""

DEPTH = 200
"""A tree that is deeper is more than anybody counts."""

_SHARED = "/dev/shm"  # noqa: S108  # looked at, not written to

NAME_BYTES = 1024
"""What the system needs of its own memory for a file in memory, about."""


def families_of(leaders: Iterable[int]) -> Mapping[int, tuple[int, ...]]:
    """Give each of *leaders* with all processes that come from it, by their ids.

    A process is found below the one that made it, or below whoever took it in after that ended.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children[process.ppid()].append(process.pid)
    return {leader: tuple(_descendants(leader, children)) for leader in leaders}


def used_memory(process: int) -> int:
    """Bytes of memory that a process has for itself, and its part of what it shares.

    Files are not in it: the system takes their pages back when it needs them. None where it is
    gone.
    """
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
    except (OSError, ValueError):
        return 0
    parts = (line.split() for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return sum(int(part[1]) for part in parts) * 1024


def used_names(process: int) -> int:
    """Bytes that the files of a process's own ``/dev/shm`` take beside their content."""
    shared = Path(f"/proc/{process}/root{_SHARED}")
    try:
        if shared.stat().st_dev == Path(_SHARED).stat().st_dev:  # this machine's
            return 0
        found = os.statvfs(shared)
    except OSError:
        return 0
    return (found.f_files - found.f_ffree) * NAME_BYTES


def used_disk(folder: Path, enough: int) -> int:
    """Bytes that a tree takes on its disk; counting ends where it has more than *enough*."""
    with contextlib.suppress(OSError), opened(os.open(folder, FOLDER)) as descriptor:
        return _used(descriptor, enough, DEPTH)
    return 0


def _used(folder: int, enough: int, depth: int) -> int:
    total = BLOCK
    with os.scandir(folder) as entries:
        for entry in entries:
            # Whoever works there takes away and exchanges what is looked at.
            with contextlib.suppress(OSError):
                total += _one(folder, entry, enough - total, depth)
            if total > enough:
                break
    return total


def _one(folder: int, entry: os.DirEntry[str], enough: int, depth: int) -> int:
    found = entry.stat(follow_symlinks=False)
    own = max(BLOCK, found.st_blocks * 512 // max(1, found.st_nlink))
    if not stat.S_ISDIR(found.st_mode):
        return own
    return own + _below(folder, entry.name, enough - own, depth)


def _below(parent: int, name: str, enough: int, depth: int) -> int:
    """What is in a folder; too much where it lies deeper than anybody works."""
    if not depth:
        return enough + 1
    with _unlocked(parent, name) as folder:
        return _used(folder, enough, depth - 1)


@contextlib.contextmanager
def _unlocked(parent: int, name: str) -> Generator[int]:
    """Open a folder, also one that was locked by its owner; it is locked again afterwards."""
    try:
        descriptor = os.open(name, FOLDER, dir_fd=parent)
    except PermissionError:
        with _open_locked(parent, name) as descriptor:
            yield descriptor
        return
    with opened(descriptor):
        yield descriptor


@contextlib.contextmanager
def _open_locked(parent: int, name: str) -> Generator[int]:
    # By a descriptor that needs no rights: a name may stand for something else by now.
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with opened(os.open(name, flags, dir_fd=parent)) as place:
        path, mode = f"/proc/self/fd/{place}", stat.S_IMODE(os.fstat(place).st_mode)
        Path(path).chmod(0o700)
        try:
            with opened(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
                yield descriptor
        finally:
            Path(path).chmod(mode)


def held_open(process: int, device: int) -> int:
    """Bytes of files on *device* that a process holds open and that have no name any more."""
    with contextlib.suppress(OSError), os.scandir(f"/proc/{process}/fd") as entries:
        return sum(_nameless(entry, device) for entry in entries)
    return 0


def _nameless(entry: os.DirEntry[str], device: int) -> int:
    """Bytes of a file without a name that one descriptor leads to."""
    with contextlib.suppress(OSError):
        found = entry.stat()
        if stat.S_ISREG(found.st_mode) and not found.st_nlink and found.st_dev == device:
            return found.st_blocks * 512
    return 0


def _descendants(leader: int, children: Mapping[int, Sequence[int]]) -> list[int]:
    found = [leader]
    for process in found:
        found += children.get(process, ())
    return found
