"""What the self-test of a wall is tempted with: secrets, a process and sockets of ours."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import msgspec

VARIABLE = "HERMES_RUN_PROBE"
"""The variable that stands in our environment, and in that of our process, during the test."""


class Sockets(msgspec.Struct, frozen=True):
    """Sockets of ours on the loopback; the abstract one is there on Linux alone."""

    tcp: socket.socket
    udp: socket.socket
    abstract: socket.socket | None
    name: str


class Baits(msgspec.Struct, frozen=True):
    """Everything that a command must not reach.

    ``secret`` is a file with ``text`` in it, ``outside`` a file that is not there, ``pid`` a
    process; every secret begins with ``canary``.
    """

    canary: str
    secret: Path
    text: bytes
    outside: Path
    pid: int
    sockets: Sockets


def leaked(canary: str, kind: str) -> bytes:
    """Give the secret that is in the ``environment``, in a ``file`` or in a ``process``."""
    return f"{canary}-{kind}".encode()


@contextlib.contextmanager
def open_baits(folder: Path) -> Generator[Baits]:
    """Lay out baits, those that are files in *folder*, and take them away again.

    Raises:
        OSError: one can't be made.
    """
    canary = f"canary{secrets.token_hex(8)}"
    text = leaked(canary, "file") + b"\n"
    secret = folder / "secret"
    secret.write_bytes(text)
    with _variable(canary), _process(canary) as pid, _sockets(canary) as sockets:
        yield Baits(canary, secret, text, folder / "outside", pid, sockets)


def signalled(pid: int) -> bool:
    """Tell whether somebody sent the process of :func:`open_baits` a signal.

    It is seen where the system shows signals that wait (Linux); elsewhere commands do not run on
    this machine but in a virtual one.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False
    lines = (line.partition(":") for line in status.splitlines())
    return any(int(bits, 16) for name, _, bits in lines if name in {"SigPnd", "ShdPnd"})


def reached(sockets: Sockets) -> frozenset[str]:
    """Name the sockets that somebody connected or sent to."""
    found: set[str] = set()
    for kind, listener in (("tcp", sockets.tcp), ("abstract", sockets.abstract)):
        with contextlib.suppress(BlockingIOError):
            if listener:
                listener.accept()[0].close()
                found.add(kind)
    with contextlib.suppress(BlockingIOError):
        sockets.udp.recv(1)
        found.add("udp")
    return frozenset(found)


@contextlib.contextmanager
def _variable(canary: str) -> Generator[None]:
    os.environ[VARIABLE] = leaked(canary, "environment").decode()
    try:
        yield
    finally:
        del os.environ[VARIABLE]


@contextlib.contextmanager
def _process(canary: str) -> Generator[int]:
    """Start a process that waits for us to end, and lets signals to it wait, too."""
    # A signal that nobody minds, wherever its number leads to in another process namespace; it
    # would be thrown away if it were not held back.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
    try:
        process = subprocess.Popen(
            ["/bin/cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={VARIABLE: leaked(canary, "process").decode()},
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def _sockets(name: str) -> Generator[Sockets]:
    with contextlib.ExitStack() as stack:
        tcp, udp = (
            stack.enter_context(socket.socket(socket.AF_INET, kind))
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        for opened in (tcp, udp):
            opened.settimeout(0)
            opened.bind(("127.0.0.1", 0))
        tcp.listen()
        yield Sockets(tcp, udp, _abstract(name, stack), name)


def _abstract(name: str, stack: contextlib.ExitStack) -> socket.socket | None:
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        listener.bind(f"\0{name}")
    except (OSError, ValueError):
        return None
    listener.settimeout(0)
    listener.listen()
    return listener
