"""End what a previous attempt left running before its sessions go on, and what a session left.

Where the runner itself was killed, nobody ended the commands it was running, and what they started
in the background still writes to the workspaces. They are found by a mark in their environment,
which every child inherits, whoever its parent is and whatever session or group it has made for
itself. So is what outlives the sandbox of a session that has no wall. The mark names the run and
its very directory: a copy of a run that goes on leaves alone what the run itself has started. What
was started with an environment of its own (``env -i``) is not found, and neither is what the system
hides: other users' processes, programs with more rights than their caller, and on macOS some of the
system's own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import anyio
import psutil
from anyio import to_thread

from hermes_run.errors import SandboxError

VARIABLE = "HERMES_RUN_FENCE"

FENCE_S = 10.0
"""After this the processes that are still there are given up."""

PAUSE_S = 0.02
"""How long a killed process gets to be gone before all are looked at again."""

CALM = 2
"""How often in a row nothing must be found: a child that is just being started shows no mark."""

_SESSION_CHARACTERS = 200


def marks(run: str, directory: Path, session: str) -> dict[str, str]:
    """Give the variables that the commands of a session have in their environment.

    Args:
        run: the id of the run, which a copy of its directory has, too.
        directory: the run directory.
        session: the id of the session.

    Raises:
        OSError: there is no such directory.
    """
    name = quote(session[:_SESSION_CHARACTERS], safe="", errors="surrogatepass")
    if len(session) > _SESSION_CHARACTERS:
        name += f"~{sha256(session.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return {VARIABLE: f"{_prefix(run, directory)}{name}"}


async def fence(run: str, directory: Path) -> int:
    """Kill every process of a run, also those they start meanwhile; give how many there were.

    This process itself is spared, even if it has the mark.

    Args:
        run: the id of the run.
        directory: the run directory; what was started for a copy of it is left alone.

    Raises:
        OSError: there is no such directory.
        SandboxError: some are still there after :data:`FENCE_S` seconds; it names their ids.
    """
    killed: set[psutil.Process] = set()
    prefixes = (_prefix(run, directory),)
    latest = anyio.current_time() + FENCE_S
    calm = 0
    while calm < CALM:
        found = await to_thread.run_sync(_kill_marked, prefixes)
        if found and anyio.current_time() >= latest:
            pids = ", ".join(sorted(str(process.pid) for process in found))
            raise SandboxError(f"processes of an earlier attempt can't be ended: {pids}")
        calm = 0 if found else calm + 1
        killed |= found
        await anyio.sleep(PAUSE_S)
    return len(killed)


async def end_sessions(run: str, directory: Path, sessions: Iterable[str]) -> None:
    """Kill what some sessions of a run left running, and spare all others.

    What is still there after :data:`FENCE_S` seconds is given up.

    Raises:
        OSError: there is no such directory.
    """
    prefixes = tuple(f"{marks(run, directory, each)[VARIABLE]}/" for each in sessions)
    with anyio.move_on_after(FENCE_S):
        calm = 0
        while calm < CALM:
            found = await to_thread.run_sync(_kill_marked, prefixes)
            calm = 0 if found else calm + 1
            await anyio.sleep(PAUSE_S)


async def end_marked(mark: str) -> None:
    """Kill every process that has *mark* and no other one, also those they start meanwhile.

    What is still there after :data:`FENCE_S` seconds is given up.
    """
    with anyio.move_on_after(FENCE_S):
        found = True
        while found:
            found = await to_thread.run_sync(_kill_marked, (f"{mark}/",))
            await anyio.sleep(PAUSE_S if found else 0)


def _prefix(run: str, directory: Path) -> str:
    """What every mark of a run begins with, and none of another run or of a copy does.

    The directory is named as the file system does: it keeps that when it is moved.
    """
    found = directory.stat()
    name = quote(run, safe="", errors="surrogatepass")
    return f"{name}@{found.st_dev:x}.{found.st_ino:x}/"


def _kill_marked(prefixes: tuple[str, ...]) -> set[psutil.Process]:
    """Kill those whose mark, with a slash behind it, begins with one of *prefixes*."""
    own = os.getpid()
    common = os.path.commonprefix(prefixes)  # noqa: RUF071 - marks, no paths
    sought = f"{VARIABLE}={common.removesuffix('/')}".encode()
    tried = (
        _kill_if_marked(pid, prefixes)
        for pid in psutil.pids()
        if pid != own and _may_be_marked(pid, sought)
    )
    return {process for process in tried if process}


def _may_be_marked(pid: int, sought: bytes) -> bool:
    """Look at the environment of a process as it is: most have no mark, and there are many."""
    try:
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, no path
            return sought in file.read()
    except OSError:
        return not os.path.isdir(f"/proc/{pid}")  # noqa: PTH112 - there are thousands


def _kill_if_marked(pid: int, prefixes: tuple[str, ...]) -> psutil.Process | None:
    found = None
    # It is gone, or somebody else's; if it is neither, it is found again.
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        mark = f"{process.environ().get(VARIABLE, '')}/"
        if mark.startswith(prefixes):
            found = process
            process.kill()  # looks at when it started: another may have taken over its id
    return found
