"""What the processes of a session have of the machine.

All of it changes while it is looked at, by somebody who may want it to be overlooked or to take
long. A part that goes missing meanwhile counts nothing; what takes too long is given up, after so
much of the counting thread's own processor time: that a machine is busy is nobody's fault.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import thread_time

import msgspec

_SHARED = "/dev/shm"  # noqa: S108  # looked at, not written to

NAME_BYTES = 1024
"""What the system needs of its own memory for a file in memory, about."""

PAGE = 4096

_FOR_ITSELF = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")
_TABLES = b"VmPTE:"


class Family(msgspec.Struct, frozen=True):
    """The processes of a session by their ids, and how many threads they have together."""

    processes: tuple[int, ...] = ()
    threads: int = 0


def families_of(leaders: Iterable[int]) -> Mapping[int, Family]:
    """Give each of *leaders* with all processes that come from it.

    A process is found below the one that made it, or below whoever took it in after that ended;
    what an engine starts in a container is found in the container's space of process ids.
    """
    leaders = tuple(leaders)
    children: defaultdict[int, list[int]] = defaultdict(list)
    threads: dict[int, int] = {}
    for process, parent, count in _all_processes():
        children[parent].append(process)
        threads[process] = count
    entered = _inside(leaders, threads)
    found: dict[int, Family] = {}
    for leader in leaders:
        processes = _descendants((leader, *entered[leader]), children)
        found[leader] = Family(tuple(processes), sum(threads.get(one, 0) for one in processes))
    return found


def _all_processes() -> Iterator[tuple[int, int, int]]:
    """Give each process of the machine with its parent and the number of its threads.

    See proc_pid_stat(5): these are fields 4 and 20; whatever its name holds, no bracket follows it.
    """
    for name in os.listdir("/proc"):  # noqa: PTH208 - paths are made for hundreds, again and again
        if not name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = read_short(f"/proc/{name}/stat").rpartition(b")")[2].split(None, 18)
            yield int(name), int(fields[1]), int(fields[17])


def _inside(leaders: Iterable[int], processes: Iterable[int]) -> Mapping[int, Sequence[int]]:
    """Give what lives in the same space of process ids as each of *leaders*, if it is not ours."""
    ours = _space("self")
    spaces = {space: one for one in leaders if (space := _space(one)) not in {None, ours}}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for process in processes if spaces else ():
        if (leader := spaces.get(_space(process))) is not None:
            found[leader].append(process)
    return found


def _space(process: int | str) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115 - as above
    return None


def _descendants(first: Iterable[int], children: Mapping[int, Sequence[int]]) -> list[int]:
    found = dict.fromkeys(first)
    left = list(found)
    for process in left:
        new = [child for child in children.get(process, ()) if child not in found]
        found |= dict.fromkeys(new)
        left += new
    return left


def memory_of(processes: Sequence[int], patience_s: float) -> int | None:
    """Bytes of memory that processes have together; nothing where that takes too long to say.

    Args:
        processes: their ids; they see the same ``/dev/shm``, or the machine's.
        patience_s: so much of this thread's processor time it may take, in seconds.
    """
    latest = thread_time() + patience_s
    total = names = 0
    for process in processes:
        if thread_time() >= latest:
            return None
        total += used_memory(process)
        names = max(names, used_names(process))
    return total + names


def used_memory(process: int) -> int:
    """Bytes of memory that a process has for itself, and its part of what it shares.

    What was moved out to a swap file is in it, and so are the tables that say where its pages are:
    a mapping of nothing needs them, too. Files are not: the system takes their pages back when it
    needs them. None where it is gone.
    """
    used = _memory_at(f"/proc/{process}")
    if used is not None:
        return used
    # Its first thread has ended, and the others, which have the same memory, may go on.
    threads = (_memory_at(folder) for folder in threads_of(process))
    return next((used for used in threads if used is not None), 0)


def _memory_at(folder: str) -> int | None:
    try:
        text = read_short(f"{folder}/smaps_rollup") + read_short(f"{folder}/status")
    except OSError:
        return None
    # Whatever a program calls itself, a line break in it is not shown as one.
    parts = (line.split() for line in text.splitlines() if line.startswith((*_FOR_ITSELF, _TABLES)))
    return sum(int(part[1]) for part in parts) * 1024 if _TABLES in text else None


def threads_of(process: int) -> list[str]:
    """Give the folder of each thread of a process; none where it is gone."""
    folder = f"/proc/{process}/task"
    with contextlib.suppress(OSError):
        return [f"{folder}/{thread}" for thread in os.listdir(folder)]  # noqa: PTH208 - as above
    return []


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


def read_short(path: str) -> bytes:
    """Read a file of the system's that has a page at most, in one step: there are hundreds.

    Raises:
        OSError: it can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, PAGE)
    finally:
        os.close(descriptor)
