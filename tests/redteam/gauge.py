"""How much the processes of a run have while it runs, seen from outside.

Looked at is what the processes below one process have, whoever they belong to; and what the machine
has left, for what belongs to no process.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections import defaultdict
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import psutil

PAUSE_S = 0.1


class Peaks(msgspec.Struct):
    """The most there was at once: bytes of memory and disk, processes with their threads.

    ``missing`` is by how much the memory fell that the whole machine has available.
    """

    memory: int = 0
    disk: int = 0
    tasks: int = 0
    missing: int = 0


@contextlib.contextmanager
def gauging(top: int, folder: Path) -> Generator[Peaks]:
    """Look at the processes below the process *top* and at the files in *folder* meanwhile."""
    peaks, over = Peaks(), threading.Event()
    at_first = psutil.virtual_memory().available

    def look() -> None:
        while not over.wait(PAUSE_S):
            family = list(below(top))
            missing = at_first - psutil.virtual_memory().available
            peaks.missing = max(peaks.missing, missing)
            peaks.tasks = max(peaks.tasks, sum(map(tasks_of, family)))
            peaks.memory = max(peaks.memory, sum(map(memory_of, family)))
            peaks.disk = max(peaks.disk, disk_of(folder) + sum(map(nameless, family)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def below(top: int) -> Iterator[int]:
    """List the processes that come from *top*."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in psutil.pids():
        if fields := fields_of(process):
            children[int(fields[1])].append(process)
    found = list(children[top])
    for process in found:
        found += children[process]
        yield process


def fields_of(process: int) -> list[str]:
    """What the system says of a process, from its state on."""
    try:
        return Path(f"/proc/{process}/stat").read_text("latin-1").rpartition(")")[2].split()
    except OSError:
        return []


def tasks_of(process: int) -> int:
    """How many threads a process has."""
    fields = fields_of(process)
    return int(fields[17]) if fields else 0


def memory_of(process: int) -> int:
    """Bytes that a process has for itself, and its part of what it shares, without files."""
    with contextlib.suppress(OSError):
        found = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) for line in found[1:]}
        return (sizes["Pss_Anon:"] + sizes["Pss_Shmem:"]) * 1024
    return 0


def disk_of(folder: Path) -> int:
    """Bytes that the files below *folder* take."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(top, name).lstat().st_blocks * 512
    return total


def nameless(process: int) -> int:
    """Bytes of files that a process holds open and that have no name."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(f"/proc/{process}/fd") as names:
        for name in islice(names, 1000):
            with contextlib.suppress(OSError):
                found = name.stat()
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    total += found.st_blocks * 512
    return total
