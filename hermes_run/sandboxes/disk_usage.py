"""What the folders of a session hold, and what its processes keep of files that have no name.

All of it changes while it is looked at, by somebody who may want it to be overlooked or to take
long: folders are walked by descriptors, follow no link and are opened also where they are locked. A
part that goes missing meanwhile counts nothing.

What is out of reach: a file that is only in flight between two sockets, and, for an ordinary user,
what is not mapped of a file that is held by nothing but a mapping.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from time import thread_time

from hermes_run.sandboxes.tree import FOLDER
from hermes_run.sandboxes.usage import threads_of
from hermes_run.sandboxes.wall import Site
from hermes_run.sandboxes.workspaces import opened

BLOCK = 16_384
"""What the smallest file counts, in bytes.

It takes less of the disk, and some of the system's memory, of a folder, and of everybody's time who
has to look at it, to copy it and to remove it: a name is as much of a burden as a few pages are.
"""

DEPTH = 200
"""A tree that is deeper is more than anybody counts."""

_GONE = b" (deleted)"


def disk_of(site: Site, processes: Iterable[int], enough: int, patience_s: float) -> int | None:
    """Bytes of disk that a session has; nothing where that takes too long to say.

    Args:
        site: where it works; without its workspace, it has ended.
        processes: its own, by their ids.
        enough: bytes after which nothing more is counted.
        patience_s: so much of this thread's processor time it may take, in seconds.

    Raises:
        OSError: the workspace can't be looked at.
    """
    latest = thread_time() + patience_s
    try:
        device = site.folder.stat().st_dev
    except FileNotFoundError:
        return 0
    used = used_disk(site.folder, enough, latest)
    used += used_disk(site.scratch, enough, latest)
    used += held(processes, device, latest)
    return None if thread_time() >= latest else used


def used_disk(folder: Path, enough: int, latest: float) -> int:
    """Bytes that a tree takes on its disk.

    Counting ends where it is more than *enough*, or at *latest* of this thread's processor time.
    """
    with contextlib.suppress(OSError), opened(os.open(folder, FOLDER)) as descriptor:
        return BLOCK + _Walk(latest).below(descriptor, enough - BLOCK, DEPTH)
    return 0


class _Walk:
    """A walk through a tree that has to end in time."""

    def __init__(self, latest: float) -> None:
        self._latest = latest

    def below(self, folder: int, enough: int, depth: int) -> int:
        """Count what is in a folder; too much where it lies deeper than anybody works."""
        if not depth:
            return enough + 1
        total = 0
        with os.scandir(folder) as entries:
            for entry in entries:
                # Whoever works there takes away and exchanges what is looked at.
                with contextlib.suppress(OSError):
                    total += self._one(folder, entry, enough - total, depth)
                if total > enough or thread_time() >= self._latest:
                    break
        return total

    def _one(self, folder: int, entry: os.DirEntry[str], enough: int, depth: int) -> int:
        found = entry.stat(follow_symlinks=False)
        own = max(BLOCK, found.st_blocks * 512 // max(1, found.st_nlink))
        if not stat.S_ISDIR(found.st_mode):
            return own
        with _unlocked(folder, entry.name) as descriptor:
            return own + self.below(descriptor, enough - own, depth - 1)


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


def held(processes: Iterable[int], device: int, latest: float) -> int:
    """Bytes of files on *device* that processes hold although they have no name any more.

    A file counts once, whoever holds it, by a descriptor or by a mapping. Counting ends at *latest*
    of this thread's processor time.
    """
    sizes: dict[int, int] = {}
    for process in processes:
        for inode, size in _held_by(process, device):
            sizes[inode] = max(size, sizes.get(inode, 0))
            if thread_time() >= latest:
                return sum(sizes.values())
    return sum(sizes.values())


def _held_by(process: int, device: int) -> Iterator[tuple[int, int]]:
    """Give the inodes and sizes of what one process holds; zeros stand for all that don't count."""
    # A thread may have descriptors of its own, also one that goes on after the first has ended.
    folders = threads_of(process)
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(f"{folder}/fd") as entries:
            for entry in entries:
                yield _nameless(entry.path, device) or (0, 0)
    for folder in folders:
        maps = b""
        with contextlib.suppress(OSError):
            maps = Path(f"{folder}/maps").read_bytes()
        if maps:  # all threads have the same
            yield from _mapped(folder, maps, device)
            return


def _nameless(path: str, device: int) -> tuple[int, int] | None:
    """Tell which file without a name a path leads to, and how many bytes it takes."""
    with contextlib.suppress(OSError):
        found = os.stat(path)  # noqa: PTH116 - paths are made for thousands
        if stat.S_ISREG(found.st_mode) and not found.st_nlink and found.st_dev == device:
            return found.st_ino, found.st_blocks * 512
    return None


def _mapped(folder: str, maps: bytes, device: int) -> Iterator[tuple[int, int]]:
    """Look for files without a name among what is mapped, see proc_pid_maps(5)."""
    sizes: dict[int, int] = {}
    for line in maps.splitlines():
        if not line.endswith(_GONE):
            continue
        place, _, _, drive, inode, *_ = line.split(None, 5)
        major, minor = (int(part, 16) for part in drive.split(b":"))
        start, end = (int(part, 16) for part in place.split(b"-"))
        found = _nameless(f"{folder.partition('/task/')[0]}/map_files/{start:x}-{end:x}", device)
        if found:
            yield found
        elif os.makedev(major, minor) == device:  # whose size is not for everybody to see
            sizes[int(inode)] = sizes.get(int(inode), 0) + end - start
    yield from sizes.items()
