"""Uids that sessions of root run as, and what is handed over to them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.usage import read_short

UIDS = range(61_184, 65_520)
"""Uids that belong to nobody for long: systemd takes its dynamic users from there."""

NOBODY = 65534
"""Who runs commands in containers where the runner itself is root."""

REGISTER = Path("/run/hermes-run.uids")
"""Where runs see of each other who is using which uid: a byte for each, locked by its user."""

LOOK_S = 10.0
"""For so long a uid that no process had is taken for free, if it was not lent since."""

HAND_OVER_S = 300.0
"""How long it may take to change the owner of all that is in a workspace."""

_CHOWN, _KILL, _SET_GID, _SET_UID = 0, 5, 6, 7


def may_change() -> bool:
    """Tell whether we may become others, give them files and end their processes."""
    needed = sum(1 << number for number in (_CHOWN, _KILL, _SET_GID, _SET_UID))
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    effective = next(line for line in lines if line.startswith("CapEff:"))
    return int(effective.split()[1], 16) & needed == needed


def is_reachable(path: Path) -> bool:
    """Tell whether every folder above *path* lets everybody through.

    Raises:
        OSError: we can't look.
    """
    above = Path(os.path.realpath(path)).parents
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in above)


class Uids:
    """Lends uids, of which no two are the same at a time, on this machine.

    To look at all processes takes longer the more sessions there are, so it is not done for each:
    of those uids that were free at one look, each is lent once before the next look.
    """

    def __init__(self) -> None:
        self._lent: set[int] = set()
        self._free: list[int] = []
        self._looked_at = float("-inf")
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def lent(self) -> Generator[int]:
        """Give a uid that no process has and that no other run uses, and keep it meanwhile.

        Raises:
            SandboxError: there is none left.
        """
        with contextlib.ExitStack() as stack:
            register = _register(stack)
            with self._turn:
                uid = self._draw(register)
                self._lent.add(uid)
            try:
                yield uid
            finally:
                self._lent.discard(uid)

    def _draw(self, register: int | None) -> int:
        """Choose any uid that is free and that can be locked."""
        # Without locks nobody tells what other runs have taken since.
        fresh = register is not None and time.monotonic() - self._looked_at <= LOOK_S
        uid = _pick(self._free, register) if fresh else None
        if uid is None:
            self._looked_at = time.monotonic()
            used = self._lent | used_uids()
            self._free = [uid for uid in UIDS if uid not in used]
            uid = _pick(self._free, register)
        if uid is None:
            raise SandboxError("every user that a session could run as is somebody else already")
        return uid


def _register(stack: contextlib.ExitStack) -> int | None:
    """Open what locks are kept in until *stack* ends; nothing where only we would see them."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        register = os.open(REGISTER, flags, 0o600)
    except OSError:
        return None
    stack.callback(os.close, register)
    return register


def _pick(free: list[int], register: int | None) -> int | None:
    """Take any uid from *free* that can be locked, if there is one."""
    while free:
        uid = free.pop(secrets.randbelow(len(free)))
        if register is None or _locked(register, uid - UIDS.start):
            return uid
    return None


def _locked(register: int, at: int) -> bool:
    """Lock one byte; tell whether nobody else has. It is free again when *register* is closed."""
    # struct flock of fcntl(2). Locks of this kind are the open file's, not the process's.
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
    try:
        fcntl.fcntl(register, fcntl.F_OFD_SETLK, lock)
    except (BlockingIOError, PermissionError):
        return False
    return True


def used_uids() -> set[int]:
    """Give the uids that processes have."""
    used: set[int] = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - paths are made for hundreds
        if not name.isdecimal():
            continue
        # It has ended; or it is another's, and this machine hides those.
        with contextlib.suppress(OSError, ValueError):
            status = read_short(f"/proc/{name}/status")
            # Whatever a program calls itself, a line break in it is not shown as one.
            used.update(map(int, status.partition(b"\nUid:")[2].split(None, 4)[:4]))
    return used


def is_lent(uid: int) -> bool:
    """Tell whether a uid is one that sessions of root run as."""
    return uid in UIDS or uid == NOBODY


def hand_over(folder: str, uid: int) -> None:
    """Make *uid* the owner of a folder and of all that is in it; links stay links.

    Raises:
        OSError: something can't be handed over.
    """
    os.chown(folder, uid, uid, follow_symlinks=False)
    with os.scandir(folder) as entries:
        if not any(entries):
            return
    # It goes down trees that are deeper than any path, with few descriptors.
    argv = ["/bin/chown", "-hRP", f"{uid}:{uid}", "--", folder]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=HAND_OVER_S, check=False, env={})
    except subprocess.TimeoutExpired as error:
        raise OSError(f"chown took more than {HAND_OVER_S:.0f} seconds") from error
    if done.returncode:
        raise OSError(done.stderr.decode("utf-8", "replace")[:500].strip())
