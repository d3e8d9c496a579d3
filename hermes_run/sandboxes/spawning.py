"""Start processes from a thread that has few files open.

What is started gets a copy of the table of open files of whoever starts it and closes them one by
one, and all threads of Python wait until it has: 10 ms with 4,000 of them, and a run has about ten
a session. Linux lets a thread have a table of its own (unshare(2), CLONE_FILES); what is to be
passed on reaches it through a socket, as it would reach another process. Where that is not allowed,
as in many containers, processes are started without it.

The thread stays until the program ends: a process that asked for a signal when its parent ends gets
it when the thread ends that started it (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

_CLONE_FILES = 0x400


class Spawn(msgspec.Struct, frozen=True):
    """A process to be started in a session of its own (in the system's sense) and in ``/``.

    ``stdin`` and ``output`` are descriptors; ``passed`` are those that it gets by the same numbers.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    stdin: int
    output: int
    passed: tuple[int, ...] = ()


class Starter:
    """The thread; one is enough for a program, see :func:`spawn`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "starter")
        self._turn = threading.Lock()
        # Both stay open here too: what is opened later must not get the number of the one in there.
        self._here, self._there = socket.socketpair()
        self.is_apart = self._thread.submit(_set_apart, self._there.fileno()).result()

    def start(self, spawn: Spawn) -> subprocess.Popen[bytes]:
        """Start a process; returns when its program runs.

        Raises:
            OSError: that is not possible.
        """
        if not self.is_apart:
            return _start(spawn)
        with self._turn:  # or one could get what was sent for another
            socket.send_fds(self._here, [b"."], [spawn.stdin, spawn.output, *spawn.passed])
            started = self._thread.submit(_start_apart, spawn, self._there)
        return started.result()

    def close(self) -> None:
        """End the thread, when nothing that it started runs any more."""
        self._thread.shutdown()
        self._here.close()
        self._there.close()


def spawn(wanted: Spawn) -> subprocess.Popen[bytes]:
    """Start a process from the thread that there is for it; returns when its program runs.

    Raises:
        OSError: that is not possible.
    """
    with _first:  # of several threads that come first, only one makes it
        starter = _starter()
    return starter.start(wanted)


_first = threading.Lock()


@functools.cache
def _starter() -> Starter:
    return Starter()


os.register_at_fork(after_in_child=_starter.cache_clear)  # threads are not inherited


def _set_apart(kept: int) -> bool:
    """Give this thread a table with no more than *kept* and the first three in it, if it may."""
    if sys.platform != "linux" or ctypes.CDLL(None).unshare(_CLONE_FILES):
        return False
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    return True


def _start_apart(spawn: Spawn, there: socket.socket) -> subprocess.Popen[bytes]:
    """Take what was sent, let it have the numbers that it has outside, and start."""
    count, first = 2 + len(spawn.passed), max(spawn.passed, default=2) + 1
    received = socket.recv_fds(there, 1, count, socket.MSG_CMSG_CLOEXEC)[1]
    opened: list[int] = []
    try:
        opened += [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, first) for each in received]
        _close(received)
        received = []
        stdin, output, *passed = opened
        for given, number in zip(passed, spawn.passed, strict=True):
            opened.append(os.dup2(given, number, inheritable=False))
        moved = msgspec.structs.replace(spawn, stdin=stdin, output=output)
        return _start(moved)
    finally:
        _close([*received, *opened])


def _close(descriptors: Sequence[int]) -> None:
    for each in descriptors:
        os.close(each)


def _start(spawn: Spawn) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        spawn.argv,
        stdin=spawn.stdin,
        stdout=spawn.output,
        stderr=spawn.output,
        env=spawn.environment,
        pass_fds=spawn.passed,
        cwd="/",
        start_new_session=True,
    )
