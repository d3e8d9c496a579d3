"""Make a process into that of an ordinary user, and let it show secrets where processes show them.

What a process was started with, and what others see of it in ``/proc``, is a block of its memory
that does not change when the environment does. Starting a program anew for every attack would cost
the imports again; so the block is written over.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

UNSHARE_MOUNTS, PRIVATE, BIND = 0x20000, 0x44000, 0x1000
"""Flags of Linux: a mount namespace of one's own, mounts that nobody else sees, a mount twice."""

BLANK = "canary-" + "0" * 24
"""What stands where a secret of the same length will."""

_ARGUMENTS, _ENVIRONMENT = 48, 50
"""Fields of ``/proc/PID/stat`` that say where these begin; the next one says where they end."""


def brand(canary: str) -> int:
    """Write *canary* over every :data:`BLANK` that this process was started with.

    Gives the descriptor of an open file that holds it, too, which children would inherit.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    for field in (_ARGUMENTS, _ENVIRONMENT):
        start, end = (int(fields[field + more - 3]) for more in (0, 1))
        text = ctypes.string_at(start, end - start)
        ctypes.memmove(start, text.replace(BLANK.encode(), canary.encode()), len(text))
    descriptor = os.memfd_create("canary")
    os.write(descriptor, canary.encode())
    os.set_inheritable(descriptor, True)
    return descriptor


def become(user: int, needed: list[Path]) -> None:
    """Give up all rights for good; what is *needed* is still there afterwards, at the same path."""
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def mount(source: Path | str, target: Path, kind: bytes | None, flags: int) -> None:
        names = str(source).encode(), str(target).encode()
        checked(libc.mount(*names, kind, flags, b"mode=755" if kind else None))

    checked(libc.unshare(UNSHARE_MOUNTS))
    mount("none", Path("/"), None, PRIVATE)
    for closed in sorted({top for path in needed if (top := closed_above(path))}):
        inside = sorted({path for path in needed if path.is_relative_to(closed)})
        kept = [(path, os.open(path, os.O_PATH)) for path in inside]
        mount("tmpfs", closed, b"tmpfs", 0)
        for path, descriptor in kept:
            path.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", path, None, BIND)
            os.close(descriptor)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # Else /proc/self belongs to root, and no namespace can be set up.
    checked(libc.prctl(4, 1, 0, 0, 0))


def closed_above(path: Path) -> Path | None:
    """Give the outermost folder above *path* that others may not pass through."""
    above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
    return above[0] if above else None
