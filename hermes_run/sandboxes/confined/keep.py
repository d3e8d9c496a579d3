"""Look after the processes of a session from outside of its wall, and end them all.

Whatever a command makes of itself (a session of its own, an empty environment, a child whose
parent ended), its parents lead to this process, which adopts orphans. It ends when the supervisor
does, when the host lets go of the supervisor's input, and when whoever started it is gone; not one
of its descendants outlives it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from hermes_run.sandboxes.confined.grant import Granted

LOOK_MS = 100
"""How often processes are counted where the system does not count them, in milliseconds."""

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Kept:
    """What a keeper looks at: the supervisor, and descriptors that end or on which calls arrive."""

    def __init__(self, supervisor: int, life: int, granted: Granted | None) -> None:
        self.supervisor = supervisor
        self.life = life
        self.granted = granted
        self.code: int | None = None


def keep(kept: Kept, processes: int | None) -> int:
    """Wait until the session is over and end all that is left of it.

    Returns:
        The exit code of the supervisor, or 137 where it was ended here.
    """
    ears, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(mouth)
    signal.signal(signal.SIGCHLD, _wake)
    poll = select.poll()
    for descriptor, events in ((0, 0), (kept.life, 0), (ears, select.POLLIN)):
        poll.register(descriptor, events)
    calls = kept.granted.listener if kept.granted else -1
    if kept.granted:
        poll.register(calls, select.POLLIN)
    _reap(kept)
    gauge = _Gauge(processes)
    while kept.code is None and not gauge.is_over():
        for descriptor, events in poll.poll(LOOK_MS if processes else None):
            if descriptor == ears:
                _drain(ears)
                _reap(kept)
            elif kept.granted and descriptor == calls and events & select.POLLIN:
                kept.granted.answer()
            elif descriptor == calls:
                poll.unregister(descriptor)  # nobody is left who could ask
            elif events & _GONE:
                end_all(kept)
                return 137
    end_all(kept)
    return 137 if kept.code is None else kept.code


def end_all(kept: Kept) -> None:
    """End every descendant of this process.

    They are stopped first, until none is left that runs: what is stopped can't start another, and
    what has ended would make room for one.
    """
    while True:
        stopped: set[int] = set()
        while fresh := descendants() - stopped:
            for pid in fresh:
                _send(pid, signal.SIGSTOP)
            stopped |= fresh
        for pid in stopped:
            _send(pid, signal.SIGKILL)
        if _reap(kept):
            return
        time.sleep(0.002)


def descendants() -> set[int]:
    """Give the processes that come from this one and have not ended."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes longer to load than all of this
        if name.isdigit() and (parent := _parent(name)):
            parents[int(name)] = parent
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def _parent(pid: str) -> int:
    """Give the parent of a process; a zombie has none that matters."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            # The name is in brackets and may hold anything, brackets too.
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    return 0 if state in b"ZX" else int(parent)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _reap(kept: Kept) -> bool:
    """Take note of what ended; tell whether nothing is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        if pid == kept.supervisor:
            code = os.waitstatus_to_exitcode(status)
            kept.code = code if code >= 0 else 128 - code


def _wake(_number: int, _frame: object) -> None:
    """Let a signal be written to the pipe: Python does that only for those that are handled."""


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass


class _Gauge:
    """Counts processes, as soon as there are many more on the machine than when it last did."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._tasks = _tasks() if most else 0

    def is_over(self) -> bool:
        """Tell whether there are more than there may be."""
        if not self._most:
            return False
        now = _tasks()
        if now < self._tasks + self._most // 4:
            self._tasks = min(now, self._tasks)
            return False
        found = len(descendants())
        self._tasks = now
        return found > self._most


def _tasks() -> int:
    with open("/proc/loadavg", "rb") as file:  # noqa: PTH123 - as above
        return int(file.read().split()[3].partition(b"/")[2])
