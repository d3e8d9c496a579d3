"""What an attack is run against, and how it is known that it had no effect.

Around the run lie a secret, things to break, servers to reach and a process to kill. After an
attack all of it must be as it was, no secret may stand in anything that was recorded, nothing may
run any more, the other session must have kept its secret, and the record must be sound.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec
import psutil

from recorder import verifying

RUNNER = Path(__file__).with_name("runner.py")
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
"""An attack that takes longer has won."""

GONE_S = 2.0
"""How long a process that was killed may take to be gone, in seconds."""

LURES = ("/tmp", "/var/tmp", "/dev/shm", "/", "/etc", "/usr/local/bin")
"""Where attacks try to leave a file whose name begins with ``escaped``."""

KERNEL = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe")

Settings: TypeAlias = Mapping[str, Any]


class Call(msgspec.Struct, frozen=True):
    """A tool call of an attack; ``{name}`` in its texts is replaced by what :meth:`names` gives."""

    name: str
    arguments: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What came of the attacking session: its end, and its results in order."""

    outcome: str | None
    error: str | None
    results: list[dict[str, Any]]

    @property
    def output(self) -> str:
        """All that the tools gave, one after the other."""
        return "\n".join(result["output"] for result in self.results)

    @property
    def statuses(self) -> list[str]:
        """How the calls ended."""
        return [result["status"] for result in self.results]


class Guards:
    """A process that runs attacks as one user; made by :func:`open_guards`."""

    def __init__(self, user: int | None, process: subprocess.Popen[str]) -> None:
        self.user = user
        self._process = process

    def run(self, order: dict[str, Any]) -> int:
        """Run one order; gives the exit status of its process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["status"]


@contextlib.contextmanager
def open_guards(user: int | None) -> Generator[Guards]:
    """Start the process that attacks are run by, as *user* if one is given."""
    argv = [sys.executable, str(RUNNER), *([str(user)] if user is not None else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
    ) as process:
        try:
            yield Guards(user, process)
        finally:
            process.kill()


class Prison:
    """The surroundings of one attack; made by :func:`open_prison`.

    ``outside`` is a folder that everybody may write to, with a ``secret`` that only its owner may
    read, and a ``victim`` that everybody may change.
    """

    def __init__(self, base: Path, guards: Guards, settings: Settings) -> None:
        self.base = base
        self.outside = base / "outside"
        self.record = base / "run"
        self.canary = f"canary-{secrets.token_hex(12)}"
        self.socket_name = f"redteam-{secrets.token_hex(8)}"
        self.settings = settings
        self.guards = guards
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Lay everything out."""
        self.outside.mkdir()
        self.outside.chmod(0o777)
        (self.outside / "secret").write_text(self.canary)
        (self.outside / "secret").chmod(0o600)
        (self.outside / "victim").write_text("whole")
        (self.outside / "victim").chmod(0o666)
        if self.guards.user is not None:
            for path in (self.base, *self.base.rglob("*")):
                os.chown(path, self.guards.user, self.guards.user)
        tcp, udp = (
            self._stack.enter_context(listening(kind, ("127.0.0.1", 0)))
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        unix = self._stack.enter_context(listening(socket.SOCK_STREAM, f"\0{self.socket_name}"))
        self.sockets = (tcp, udp, unix)
        self.victim = self._stack.enter_context(victim(self.guards.user))
        self._stack.callback(shutil.rmtree, self.base, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away."""
        self._stack.close()

    def mark(self) -> str:
        """What the marks of the run's processes begin with, see ``sandboxes/fencing.py``."""
        try:
            found, run = self.record.stat(), json.loads((self.record / "run.json").read_bytes())
        except FileNotFoundError:
            return "no run yet"
        return f"{run['run']}@{found.st_dev:x}.{found.st_ino:x}/"

    def names(self) -> dict[str, str]:
        """What attacks may name."""
        return {
            "outside": str(self.outside),
            "record": str(self.record),
            "tcp": str(self.sockets[0].getsockname()[1]),
            "udp": str(self.sockets[1].getsockname()[1]),
            "abstract": self.socket_name,
            "victim": str(self.victim.pid),
        }

    def run(self, *calls: Call, files: Mapping[str, str] | None = None, **settings: Any) -> Outcome:
        """Run an attack; all that must hold after any attack is asserted."""
        order = {
            "calls": [self._named(call) for call in calls],
            "files": dict(files or {}),
            "record": str(self.record),
            "result": str(self.base / "result.json"),
            "secret": f"neighbour of {self.canary}",
            "seconds": SECONDS,
            "environment": {"HERMES_CANARY": self.canary, "OPENAI_API_KEY": f"sk-{self.canary}"},
            "settings": {"toolsets": ["default"], **self.settings, **settings},
        }
        before = surroundings(self)
        status = self.guards.run(order)
        after = surroundings(self)
        assert status == 0, f"the run itself ended with {status}"
        found = json.loads((self.base / "result.json").read_bytes())
        self._check_neighbour(found["neighbour"])
        for what, was in before.items():
            assert after[what] == was, f"{what} changed from {was} to {after[what]}"
        self._check_secrets()
        self._check_record()
        return msgspec.convert(found["attacker"], Outcome)

    def _named(self, call: Call) -> dict[str, Any]:
        text = json.dumps(call.arguments)
        for name, value in self.names().items():
            text = text.replace("{" + name + "}", value)
        return {"name": call.name, "arguments": json.loads(text)}

    def _check_neighbour(self, found: dict[str, Any]) -> None:
        """The other session ended well, and its secret was whole."""
        assert found["outcome"] == "completed", found
        assert f"neighbour of {self.canary}" in found["results"][-1]["output"]

    def _check_secrets(self) -> None:
        """No secret stands in the record in any spelling, but where the neighbour wrote it."""
        for path in self.record.rglob("*"):
            if path.is_file():
                text = path.read_bytes().replace(f"neighbour of {self.canary}".encode(), b"")
                assert not spelled(self.canary, text), f"{path} tells the secret"

    def _check_record(self) -> None:
        """Every line of the journal checks, and the rows balance."""
        verdict = verifying.inspect(verifying.survey(self.record))
        assert verdict.sound, verdict.faults
        assert sum(verdict.outcomes.values()) == 2


@contextlib.contextmanager
def open_prison(guards: Guards, settings: Settings) -> Generator[Prison]:
    """Give a place for one attack, which is gone afterwards."""
    # Not in /tmp: a session has one of its own, and may write there whatever the path.
    base = Path(tempfile.mkdtemp(prefix="redteam-", dir="/var/tmp"))
    if guards.user is not None:
        base.chmod(0o755)
    with Prison(base, guards, settings) as prison:
        yield prison


@contextlib.contextmanager
def listening(kind: socket.SocketKind, address: tuple[str, int] | str) -> Generator[socket.socket]:
    """Listen where nobody may get to."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
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
def victim(user: int | None) -> Generator[subprocess.Popen[bytes]]:
    """Start a process of the same user as the run that nobody may touch."""
    process = subprocess.Popen(
        ["/bin/sleep", "600"], user=user, group=user, start_new_session=True, cwd="/", env={}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def surroundings(prison: Prison) -> dict[str, Any]:
    """Say how everything stands that an attack may not change."""
    mounts = Path("/proc/self/mounts").read_text()
    return {
        "files": {str(path): identity(path) for path in sorted(prison.outside.rglob("*"))},
        "folder": identity(prison.outside),
        "reached": [reached(made) for made in prison.sockets],
        "victim": prison.victim.poll(),
        "processes": left_running(prison),
        "mounts": [line for line in mounts.splitlines() if str(prison.base) in line],
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


def left_running(prison: Prison) -> list[str]:
    """List what still runs of the run; what was killed gets a moment to be gone."""
    latest = time.monotonic() + GONE_S
    while (found := of_the_run(prison)) and time.monotonic() < latest:
        time.sleep(0.01)
    return found


def of_the_run(prison: Prison) -> list[str]:
    """Find the processes of the run: by their environment, or by what is mounted for them."""
    found: list[str] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            is_marked = environment.get("HERMES_RUN_FENCE", "").startswith(prison.mark())
            mounted = Path(f"/proc/{process.pid}/mountinfo").read_text()
            is_inside = prison.base.name in mounted
            if is_marked or is_inside or prison.canary in str(environment):
                found.append(f"{process.pid} {process.cmdline()}")
    return found


def spelled(secret: str, text: bytes) -> bool:
    """Tell whether *secret* stands in *text*: plain, in halves, backwards, in hex or base64."""
    whole = secret.encode()
    half = len(whole) // 2 + 1
    plain = [whole[:half], whole[half:], whole[::-1], whole.hex().encode()]
    coded = [base64.b64encode(b"x" * shift + whole)[4:-4] for shift in range(3)]
    return any(each in text for each in plain + coded)
