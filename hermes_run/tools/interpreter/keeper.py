"""The keeper: takes requests, has a worker run them, and answers whatever becomes of that."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from typing import NamedTuple

from .running import CHUNK
from .worker import Worker

LOOK_S = 1.0
"""How often the keeper looks whether its folder is still there; without it, it ends."""

ANSWER_S = 60.0
"""How long somebody who is there may take to read on; nobody is waited for who is not."""


MOST_S = 1e6
"""No request asks for more time, whoever has written it."""


class Gone(Exception):
    """The folder was taken away, so nobody can ask any more."""


class Request(NamedTuple):
    """What to run, for how long at most, and how many bytes of output are wanted.

    ``grace`` is how long it may take to end each time that it was told to, in seconds.
    """

    number: int
    seconds: float
    grace: float
    limit: int


def keep(folder: str, ask: int, answer: int) -> None:
    """Answer requests for as long as the folder is there."""
    worker, number = _begun(folder, ask, answer), 1
    try:
        while True:
            ready = _wait(folder, [ask, worker.output], LOOK_S)
            if worker.output in ready and not worker.drain():
                worker.end()
                worker = _begun(folder, ask, answer)
            request = _read(ask) if ask in ready else None
            if request is None or request.number != number:
                continue  # it has not come from us
            content, lives = _run(folder, request, worker)
            number += 1
            following = _made(folder, number)
            _give(f"{folder}/answer.{request.number}", answer, content)
            answer = following
            if not lives:
                worker = _begun(folder, ask, answer)
    except Gone:
        worker.kill()


def _begun(folder: str, ask: int, answer: int) -> Worker:
    """Start a worker, and write down what is to be ended before there is another keeper."""
    worker = Worker((ask, answer))
    lines = "".join(f"{pid} {_since(pid)}\n" for pid in (os.getpid(), worker.pid))
    with contextlib.suppress(OSError):  # the folder is gone: that is found out soon
        with open(f"{folder}/groups.new", "w", encoding="ascii") as file:  # noqa: PTH123 - as below
            file.write(lines)
        os.replace(f"{folder}/groups.new", f"{folder}/groups")  # noqa: PTH105 - as below
    return worker


def _since(pid: int) -> str:
    """Say when a process was started, where the system does: another may get its number."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return "-"


def _read(ask: int) -> Request | None:
    """Read a request, if it is one."""
    lines = os.read(ask, CHUNK).split(b"\n")
    words = lines[-2].split() if len(lines) > 1 else []
    try:
        number, seconds, grace, limit = words
        request = Request(int(number), float(seconds), float(grace), int(limit))
    except ValueError:
        return None
    return request if 0 < request.seconds < MOST_S and 0 <= request.grace < MOST_S else None


def _wait(folder: str, descriptors: list[int], seconds: float) -> list[int]:
    """Wait until there is something to read."""
    ready, _, _ = select.select(descriptors, [], [], seconds)
    if not ready and not os.path.isdir(folder):  # noqa: PTH112 - one import less at every start
        raise Gone
    return ready


def _run(folder: str, request: Request, worker: Worker) -> tuple[bytes, bool]:
    """Run a piece of code; gives its answer, and whether the worker lives on."""
    path = f"{folder}/code.{request.number}"
    worker.limit, latest = request.limit, time.monotonic() + request.seconds
    with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - as above
        worker.send(file.read(), request.seconds)
        os.unlink(path)  # noqa: PTH108 - as above
    why, told = _watch(folder, latest, request.grace, worker)
    worker.drain()
    head, tail, size = worker.taken()
    code = None if told else worker.end()
    said = {"failed": told == b"1", "why": why, "code": code, "head": len(head), "size": size}
    return json.dumps(said).encode() + b"\n" + head + tail, bool(told)


def _watch(folder: str, limit: float, grace: float, worker: Worker) -> tuple[str | None, bytes]:
    """Wait for the end of what runs; gives why it was stopped, if so, and what the worker said.

    It is interrupted at its limit, as by Ctrl-C, then all that it has started, and then killed.
    """
    stages, why = [worker.kill, worker.interrupt_all, worker.interrupt], None
    control = worker.control.fileno()
    descriptors = [control, worker.output]
    while True:
        flooding = why is None and worker.is_flooding
        if stages and (flooding or time.monotonic() >= limit):
            why = why or ("flood" if flooding else "time")
            stages.pop()()
            limit = time.monotonic() + grace
        left = max(0.0, min(limit - time.monotonic(), LOOK_S)) if stages else LOOK_S
        ready = _wait(folder, descriptors, left)
        if worker.output in ready and not worker.drain():
            descriptors.remove(worker.output)  # the code has closed it for good
        if control in ready:
            return why, _told(worker)


def _told(worker: Worker) -> bytes:
    try:
        return worker.control.recv(16)
    except OSError:
        return b""


def _give(path: str, held: int, content: bytes) -> None:
    """Write an answer and close what was *held* of it; if nobody takes it, nobody wants it.

    Whoever asked has it open for reading. What we held was, too, which hid that they have left.
    """
    try:
        answer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # there is nobody any more, or no folder
        answer, content = -1, b""
    os.close(held)
    with contextlib.suppress(OSError):
        while content and select.select([], [answer], [], ANSWER_S)[1]:
            content = content[os.write(answer, content[:4096]) :]
    if answer >= 0:
        os.close(answer)


def _made(folder: str, number: int) -> int:
    path = f"{folder}/answer.{number}"
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def main(folder: str) -> None:
    """Leave a keeper behind; its number is in the file ``keeper``."""
    os.mkfifo(f"{folder}/ask", 0o600)
    ask, answer = os.open(f"{folder}/ask", os.O_RDWR | os.O_NONBLOCK), _made(folder, 1)
    keeper = os.fork()
    if keeper:
        with open(f"{folder}/keeper", "w", encoding="ascii") as file:  # noqa: PTH123 - as above
            file.write(f"{keeper}\n")
        return
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    try:
        keep(folder, ask, answer)
    finally:
        os._exit(0)
