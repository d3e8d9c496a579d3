"""Do for commands what must be looked at first, or let it through (``seccomp_unotify(2)``).

Landlock does not say who may change the permissions and times of files: behind it a command could
still change those of every file of the user who started it. So the filter of system calls leaves
that to somebody outside of the wall, who does it in the session's own folders and nowhere else. A
path is read once; what it leads to is opened, and only what was opened counts from there on.

Nor does the system count a session's processes where others have their uid, and those of root it
does not count at all. So a process is started when it was counted here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import time

from hermes_run.sandboxes.confined.family import descendants
from hermes_run.sandboxes.confined.kernel import LIBC

TYPE_CHECKING = False  # `typing` takes longer to load than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
_CALL = struct.Struct("=QII iIQ6Q")
_ANSWER = struct.Struct("=Qqi I")

_AT_FDCWD, _NO_FOLLOW, _EMPTY_PATH = -100, 0x100, 0x1000
_OPENAT2 = 437
_CONTINUE = 1
_NO_MOUNTS, _NO_MAGIC = 1, 2
_PATH_BYTES, _TIMES_BYTES = 4096, 32
AGAIN_S = 0.05
"""How long those who can't start a process are not looked at again."""

_MODES = 0o1777
"""What a mode may be: nothing that makes others run a file as its owner."""


class Target:
    """What a call is about: the file, by folder and path, and what to make of it."""

    def __init__(self, folder: int, path: int, flags: int = 0) -> None:
        self.folder = ctypes.c_int(folder).value
        self.path = path
        self.flags = flags & 0xFFFFFFFF


class Granted:
    """What is granted: calls by their numbers that come in by a descriptor.

    Files are changed beneath *roots*, and there may be so many processes, threads counted.
    """

    def __init__(
        self, listener: int, calls: Mapping[int, str], roots: Sequence[str], processes: int
    ) -> None:
        self.listener = listener
        self.calls = calls
        self.roots = [os.path.realpath(root) for root in roots]
        self.census = Census(processes)

    def answer(self) -> None:
        """Take one call and do it, or say why not."""
        asked = bytearray(_CALL.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, asked)
        except OSError:  # who asked has ended
            return
        known, pid, _, number, _, _, *arguments = _CALL.unpack(asked)
        error = flags = 0
        try:
            if "fork" in (name := self.calls[number]) or name == "clone":
                self.census.count()
                flags = _CONTINUE
            else:
                self._perform(known, pid, name, arguments)
        except (KeyError, ValueError, OverflowError):
            error = errno.EPERM
        except OSError as refused:
            error = refused.errno or errno.EPERM
        try:
            fcntl.ioctl(self.listener, _SEND, _ANSWER.pack(known, 0, -error, flags))
        except OSError:
            return

    def _perform(self, known: int, pid: int, name: str, arguments: Sequence[int]) -> None:
        target = _target(name, arguments)
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - see restrict.py
            path = _text(memory.fileno(), target.path)
            times = _times(memory.fileno(), arguments[2]) if name == "utimensat" else None
            found = _open(pid, target, path, self.roots)
            try:
                # Its id may belong to another process by now.
                fcntl.ioctl(self.listener, _IS_VALID, struct.pack("=Q", known))
                self._check(found)
                if name == "utimensat":
                    _set_times(found, times)
                else:
                    os.chmod(f"/proc/self/fd/{found}", _mode(name, arguments) & _MODES)  # noqa: PTH101 - see restrict.py
            finally:
                os.close(found)

    def _check(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - see restrict.py
        if not any(_is_beneath(path, root) for root in self.roots):
            raise _foreign()


def _foreign() -> OSError:
    return OSError(errno.EPERM, "this is none of the session's files")


class Census:
    """Counts the processes of a session as they are started, and anew when there seem too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found = 0
        self._full_until = 0.0

    def count(self) -> None:
        """Count one that is about to be started.

        Raises:
            OSError: there are as many as there may be.
        """
        self._found += 1
        if self._found > self._most:
            # Who is refused asks again at once, and to look at all of them takes a while.
            if time.monotonic() >= self._full_until:
                self._found = sum(descendants().values()) + 1
                if self._found > self._most:
                    self._full_until = time.monotonic() + AGAIN_S
            if self._found > self._most:
                raise OSError(errno.EAGAIN, "there are enough processes")


def _target(name: str, arguments: Sequence[int]) -> Target:
    match name:
        case "chmod":
            return Target(_AT_FDCWD, arguments[0])
        case "fchmod":
            return Target(arguments[0], 0)
        case "fchmodat":
            return Target(arguments[0], arguments[1])
        case _:
            return Target(arguments[0], arguments[1], arguments[3])


def _mode(name: str, arguments: Sequence[int]) -> int:
    return arguments[1] if name in {"chmod", "fchmod"} else arguments[2]


def _text(memory: int, address: int) -> bytes:
    if not address:
        return b""
    found, end, _ = os.pread(memory, _PATH_BYTES, address).partition(b"\0")
    if not end:
        raise OSError(errno.ENAMETOOLONG, "the path has no end")
    return found


def _times(memory: int, address: int) -> bytes | None:
    return os.pread(memory, _TIMES_BYTES, address) if address else None


def _open(pid: int, target: Target, path: bytes, roots: Sequence[str]) -> int:
    """Open what a call is about, only to look at it.

    No other file system is gone to: it may be one that does not answer.
    """
    at = "cwd" if target.folder == _AT_FDCWD else f"fd/{target.folder}"
    start = f"/proc/{pid}/{at}"
    if path.startswith(b"/"):
        start = next((root for root in roots if _is_beneath(os.fsdecode(path), root)), "")
        if not start:
            raise _foreign()
        path = path[len(os.fsencode(start)) :].lstrip(b"/") or b"."
    base = os.open(start, os.O_PATH | os.O_CLOEXEC)
    if not path:
        return base
    try:
        return _open_at(base, path, os.O_NOFOLLOW if target.flags & _NO_FOLLOW else 0)
    finally:
        os.close(base)


def _is_beneath(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _open_at(base: int, path: bytes, flags: int) -> int:
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC | flags, 0, _NO_MAGIC | _NO_MOUNTS)
    number = ctypes.c_long(_OPENAT2)
    found: int = LIBC.syscall(number, base, path, how, ctypes.c_size_t(len(how)))
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return found


def _set_times(descriptor: int, times: bytes | None) -> None:
    if LIBC.utimensat(descriptor, b"", times, _EMPTY_PATH):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
