"""Uids that sessions of root run as, and what is handed over to them."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import subprocess
from collections.abc import Collection
from pathlib import Path

UIDS = range(61_184, 65_520)
"""Uids that belong to nobody for long: systemd takes its dynamic users from there."""

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


def unused_uid(taken: Collection[int]) -> int:
    """Choose a uid that is not *taken* and that no process has."""
    used = set(taken)
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            used.add(path.stat().st_uid)
    return secrets.choice([uid for uid in UIDS if uid not in used])


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
