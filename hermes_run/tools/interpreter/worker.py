"""The worker as its keeper sees it: a process, what it writes, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from typing import NoReturn

from .running import CHUNK, LENGTH, serve

FLOOD_BYTES = 16 * 1024 * 1024
"""Code that wrote this much past its limit is interrupted: nobody will read the rest."""

END_S = 5.0
"""How long a worker that hears no more may take to end by itself, which says how it ended."""

_HIGH = 200
"""Where the worker's own descriptors lie: code tends to close small ones."""


class Worker:
    """The process that runs the code, and what it has written that nobody was given yet."""

    def __init__(self, private: tuple[int, ...]) -> None:
        """Start it; the descriptors in *private* are not for it."""
        self.control, theirs = socket.socketpair()
        self.output, writing = os.pipe()
        self.head, self.tail, self.size, self.limit = b"", b"", 0, CHUNK
        self.pid = os.fork()
        if self.pid == 0:
            _begin(theirs, writing, (*private, self.control.fileno(), self.output))
        theirs.close()
        os.close(writing)
        os.set_blocking(self.output, False)
        with contextlib.suppress(OSError):
            os.setpgid(self.pid, self.pid)

    @property
    def is_flooding(self) -> bool:
        """Whether it has written more than is worth waiting for."""
        return self.size > self.limit + FLOOD_BYTES

    def send(self, code: bytes, seconds: float) -> None:
        """Give it a piece of code; one that does not take it in time is found dead later."""
        self.control.settimeout(seconds)
        with contextlib.suppress(OSError):
            self.control.sendall(LENGTH.pack(len(code)) + code)

    def drain(self) -> bool:
        """Take what it has written; tell whether there may be more to come."""
        for _ in range(64):
            try:
                chunk = os.read(self.output, CHUNK)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._keep(chunk)
        return True

    def _keep(self, chunk: bytes) -> None:
        room = max(0, self.limit // 2 - len(self.head))
        tail = self.tail + chunk[room:]
        self.head += chunk[:room]
        self.tail = tail[max(0, len(tail) - (self.limit - self.limit // 2)) :]
        self.size += len(chunk)

    def taken(self) -> tuple[bytes, bytes, int]:
        """Hand out the beginning and the end of what it wrote, and the size of all of it."""
        taken = self.head, self.tail, self.size
        self.head, self.tail, self.size = b"", b"", 0
        return taken

    def interrupt(self) -> None:
        """Do to it what Ctrl-C does."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGINT)

    def interrupt_all(self) -> None:
        """Do it to all that it has started, too."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all that it has started."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Take leave of it; gives its exit code, or minus the signal that it died of."""
        self.control.close()
        os.close(self.output)
        latest = time.monotonic() + END_S  # it may be about to end by itself
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        while not pid and time.monotonic() < latest:
            time.sleep(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        self.kill()
        if not pid:
            _, status = os.waitpid(self.pid, 0)
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def _begin(theirs: socket.socket, writing: int, private: tuple[int, ...]) -> NoReturn:
    """Become the worker."""
    try:
        os.setpgid(0, 0)
        for descriptor in private:
            os.close(descriptor)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve(socket.socket(fileno=_high(theirs.detach())), _high(writing))
    finally:
        os._exit(70)


def _high(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return moved
