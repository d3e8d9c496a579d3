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

from hermes_run.sandboxes.confined.family import children, descendants
from hermes_run.sandboxes.confined.grant import Granted

PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.1

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Kept:
    """What a keeper looks at: the supervisor, and descriptors that end or on which calls arrive."""

    def __init__(self, supervisor: int, life: int, granted: Granted | None) -> None:
        self.supervisor = supervisor
        self.life = life
        self.granted = granted
        self.code: int | None = None


def keep(kept: Kept) -> int:
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
    while kept.code is None:
        for descriptor, events in poll.poll():
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
    return kept.code


def end_all(kept: Kept) -> None:
    """End every descendant of this process.

    They are stopped first, until none is left that runs: what is stopped can't start another, and
    what has ended would make room for one. Whatever was not seen has this process for a parent as
    soon as its own has ended, so that it is seen the next time.
    """
    pause = PAUSE_S
    while not _reap(kept):
        for pid in _stop_all():
            _send(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _stop_all() -> set[int]:
    stopped: set[int] = set()
    while True:
        fresh = _family() - stopped
        if not fresh:
            return stopped
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
        stopped |= fresh


def _family() -> set[int]:
    found: set[int] = set()
    pending = children(os.getpid())
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += children(pid)
    # A kernel may be built without what gives children.
    return found or set(descendants())


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
