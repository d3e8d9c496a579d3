"""End the processes of a session, as far as they can be seen from outside of its wall."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import anyio
import psutil
from anyio import to_thread

LEAVE_S = 2.0
"""How long a supervisor may take to end all commands by itself."""

END_S = 10.0
"""After this, processes that are still there are given up."""

PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.05


async def end_processes(leader: subprocess.Popen[bytes], *, kill: bool) -> None:
    """Wait until a supervisor whose requests have ended is gone; kill it if it stays.

    With *kill* there is no waiting. A killed supervisor ends nothing itself: then all that is in
    its session, in the system's sense, is looked for. Behind a wall with process ids of its own
    everything dies with the first of them.
    """
    if not kill and await _leaves(leader, LEAVE_S):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    # The leader is not waited for yet: until then nobody else gets its number.
    with anyio.move_on_after(END_S):
        await _end_session(leader.pid)
    await _leaves(leader, END_S)


async def _leaves(process: subprocess.Popen[bytes], seconds: float) -> bool:
    pause = PAUSE_S
    with anyio.move_on_after(seconds):
        while process.poll() is None:
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
    return process.returncode is not None


async def _end_session(leader: int) -> None:
    """Kill until nothing is found: processes may be starting others meanwhile."""
    found = True
    while found:
        found = await to_thread.run_sync(_kill_session, leader)
        await anyio.sleep(PAUSE_S)


def _kill_session(leader: int) -> bool:
    """Kill every process of a session but its leader; tell whether there was one."""
    found = False
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):  # it is gone, or somebody else's
            if pid != leader and os.getsid(pid) == leader:
                found |= psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
                os.kill(pid, signal.SIGKILL)
    return found
