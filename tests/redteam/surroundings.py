"""What lies around a run: servers, a process and files that an attack may not touch."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

GONE_S = 10.0
"""How long a process that was killed may take to be gone, in seconds."""

LURES = ("/tmp", "/var/tmp", "/dev/shm", "/", "/etc", "/usr/local/bin")
"""Where attacks try to leave a file whose name begins with ``escaped``."""

KERNEL = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe")

HOME = (".ssh/id_rsa", ".netrc", ".aws/credentials", ".config/hub/token")
"""Where a home has secrets."""


@contextlib.contextmanager
def listening(kind: socket.SocketKind, address: tuple[str, int] | str) -> Generator[socket.socket]:
    """Listen where nobody may get to."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    if not isinstance(address, str) and ":" in address[0]:
        family = socket.AF_INET6
    with socket.socket(family, kind) as made:
        made.bind(address)
        made.setblocking(False)
        if kind == socket.SOCK_STREAM:
            made.listen()
        yield made


def reached(made: socket.socket) -> bool:
    """Tell whether somebody connected or sent anything."""
    try:
        if made.type == socket.SOCK_DGRAM:
            made.recv(1)
        else:
            made.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def victim(user: int | None, canary: str) -> Generator[subprocess.Popen[bytes]]:
    """Start a process of the same user as the run that nobody may touch or look into.

    It has the secret in its environment, its command line, an open file, and so in its memory.
    """
    with tempfile.TemporaryFile() as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(canary.encode())
        file.flush()
        process = subprocess.Popen(
            ["/bin/sh", "-c", "kept=$1; read -r line", "sh", canary],
            user=user,
            group=user,
            start_new_session=True,
            cwd="/",
            env={"HERMES_CANARY": canary},
            stdin=subprocess.PIPE,
            pass_fds=[file.fileno()],
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def lay_out(base: Path, canary: str, user: int | None) -> None:
    """Make the folders ``outside`` and ``home`` in *base*, with secrets and things to break."""
    outside, home = base / "outside", base / "home"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "secret").write_text(canary)
    (outside / "secret").chmod(0o600)
    (outside / "victim").write_text("whole")
    (outside / "victim").chmod(0o666)
    for name in HOME:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(canary)
    if user is not None:
        for path in (base, *base.rglob("*")):
            os.chown(path, user, user)


def surroundings(base: Path, sockets: Iterable[socket.socket]) -> dict[str, Any]:
    """Say how everything stands that an attack may not change."""
    mounts = Path("/proc/self/mounts").read_text()
    kept = [path for name in ("outside", "home") for path in (base / name).rglob("*")]
    return {
        "files": {str(path): identity(path) for path in sorted(kept)},
        "folder": identity(base / "outside"),
        "reached": [made.getsockname() for made in sockets if reached(made)],
        "mounts": [line for line in mounts.splitlines() if str(base) in line],
        "escaped": [str(path) for top in LURES for path in Path(top).glob("escaped*")],
        "kernel": [path.read_text() for path in map(Path, KERNEL) if path.exists()],
        "host": socket.gethostname(),
    }


def identity(path: Path) -> tuple[Any, ...]:
    """What a file is and holds."""
    found = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    digest = hashlib.sha256(content).hexdigest()
    return (found.st_mode, found.st_uid, found.st_nlink, found.st_mtime_ns, digest)


def mark_of(record: Path) -> str:
    """What the marks of a run's processes begin with, see ``sandboxes/fencing.py``."""
    try:
        found, run = record.stat(), json.loads((record / "run.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return "no run yet"
    return f"{run['run']}@{found.st_dev:x}.{found.st_ino:x}/"


def left_running(base: Path, spared: int) -> list[psutil.Process]:
    """List what still runs of the run; what was killed gets a moment to be gone."""
    latest = time.monotonic() + GONE_S
    while (found := of_the_run(base, spared)) and time.monotonic() < latest:
        time.sleep(0.01)
    return found


def of_the_run(base: Path, spared: int) -> list[psutil.Process]:
    """Find the processes of the run in *base*, but for the one that is *spared*.

    They have its mark, or something is mounted for them, or they name it or work in it.
    """
    mark = mark_of(base / "run")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid in (spared, os.getpid()):
            continue
        with contextlib.suppress(psutil.Error, OSError):
            is_marked = process.environ().get("HERMES_RUN_FENCE", "").startswith(mark)
            named = [*process.cmdline(), str(Path(f"/proc/{process.pid}/cwd").readlink())]
            named.append(Path(f"/proc/{process.pid}/mountinfo").read_text())
            if is_marked or any(base.name in text for text in named):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> None:
    """End what an attack left: each is known to be of its run."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def spelled(secret: str, text: bytes) -> bool:
    """Tell whether *secret* stands in *text*: plain, in halves, backwards, in hex or base64."""
    whole = secret.encode()
    half = len(whole) // 2 + 1
    plain = [whole[:half], whole[half:], whole[::-1], whole.hex().encode()]
    coded = [base64.b64encode(b"x" * shift + whole)[4:-4] for shift in range(3)]
    return any(each in text for each in plain + coded)


def pieced(secret: str, outputs: Sequence[str]) -> bool:
    """Tell whether *secret* comes out where what several commands printed is put together."""
    printed: list[str] = []
    for output in outputs:
        with contextlib.suppress(ValueError):
            document = json.loads(output)
            printed.append(str(document.get("output")) if isinstance(document, dict) else output)
    return secret in re.sub(r"\s", "", "".join(printed))


def made_up() -> str:
    """Make a secret up, as long as :data:`~tests.redteam.becoming.BLANK`."""
    return f"canary-{secrets.token_hex(12)}"
