"""The self-test of a wall: one sandbox, one command that tries to get out, and what came of it.

What the command could read it prints; what it could do is seen from this side: files beside its
workspace, a process of ours that it signals, and sockets of ours on the loopback that it connects
to. Nothing but the workspace may have been reached.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import tempfile
import time
from collections.abc import Generator
from importlib import resources
from pathlib import Path

import anyio
import msgspec

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.baits import Baits, leaked, open_baits, reached, signalled
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import Site, Wall
from hermes_run.sandboxes.workspaces import remove_tree

PROBE_S = 20.0
"""A sandbox that did not open, run one command and close after so many seconds does not hold."""

PREFIX = ".hermes-run-probe-"
"""What the name of a test's folder begins with."""

STALE_S = 600.0
"""A test's folder that is older was left by a process that was killed."""

_OUTPUT_BYTES = 1_000_000


class Evidence(msgspec.Struct, frozen=True):
    """What one command in a sandbox reached; ``output`` is what it printed."""

    output: bytes
    canary: str
    exit_code: int | None
    written: bool
    outside: bool
    signalled: bool
    networked: bool
    reached: frozenset[str]


class Verdict(msgspec.Struct, frozen=True):
    """What the self-test of a wall found: a sentence for everything that does not hold."""

    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


LEAKS = {
    "environment": "a command could read the environment of the run",
    "process": "a command could read the environment of another process",
    "file": "a command could read a file beside its workspace",
}

REACHED = {
    "tcp": "a command could connect to a port of this machine",
    "udp": "a command could send a datagram to a port of this machine",
    "abstract": "a command could connect to an abstract socket of this machine",
}


def judge(evidence: Evidence) -> Verdict:
    """Say what does not hold, by what a command reached."""
    if evidence.exit_code is None:
        return Verdict(("the command of the self-test did not come to its end",))
    faults: list[str] = []
    if not evidence.written:
        faults.append("a command could not write to its workspace")
    faults += [
        text for kind, text in LEAKS.items() if leaked(evidence.canary, kind) in evidence.output
    ]
    if evidence.outside:
        faults.append("a command could write outside of its workspace")
    if evidence.signalled:
        faults.append("a command could signal a process of this machine")
    if not evidence.networked:
        faults += _ways_out(evidence)
    return Verdict(tuple(faults))


async def probe(wall: Wall, beside: Path, *, networked: bool) -> Verdict:
    """Open a sandbox of *wall* once, try to get out of it, and close it.

    Args:
        wall: what is tested.
        beside: the folder that a folder for the test is made in and removed from; best where the
            workspaces of a run will lie.
        networked: whether commands may use the network; then it is not tested.

    Raises:
        SandboxError: no sandbox can be opened, or the test itself can't be set up.
        UsageError: the wall has not what it was asked for.
    """
    try:
        with anyio.fail_after(PROBE_S), _folder(beside) as folder, open_baits(folder) as baits:
            return judge(await _try(wall, folder, baits, networked=networked))
    except TimeoutError:
        return Verdict((f"the self-test took more than {PROBE_S:.0f} seconds",))
    except OSError as error:
        raise SandboxError(f"the self-test can't be run: {error}") from error


async def _try(wall: Wall, folder: Path, baits: Baits, *, networked: bool) -> Evidence:
    site = Site(folder=folder / "workspace", scratch=folder / "scratch")
    for path in (site.folder, site.scratch):
        path.mkdir(mode=0o700)
    word = secrets.token_hex(8)
    command = Command(_line(baits, word, networked=networked), PROBE_S / 2, _OUTPUT_BYTES)
    async with wall.open(site) as sandbox:
        finished = await sandbox.run(command)
        written = b""
        with contextlib.suppress(OSError):
            written = await sandbox.read("written", 100)
    return _look(finished, baits, written=written == word.encode(), networked=networked)


def _look(finished: Finished, baits: Baits, *, written: bool, networked: bool) -> Evidence:
    return Evidence(
        output=finished.output,
        canary=baits.canary,
        exit_code=finished.exit_code,
        written=written,
        outside=baits.outside.exists() or baits.secret.read_bytes() != baits.text,
        signalled=signalled(baits.pid),
        networked=networked,
        reached=reached(baits.sockets),
    )


def _line(baits: Baits, word: str, *, networked: bool) -> str:
    """Write the command: the program of the test, below what it must know."""
    sockets = baits.sockets
    known = {
        "WORD": word,
        "CANARY": baits.canary,
        "SECRET": str(baits.secret),
        "OUTSIDE": str(baits.outside),
        "BAIT": str(baits.pid),
        "TCP": "" if networked else str(sockets.tcp.getsockname()[1]),
        "UDP": "" if networked else str(sockets.udp.getsockname()[1]),
        "NAME": sockets.name,
    }
    lines = [f"HERMES_RUN_{name}={shlex.quote(value)}" for name, value in known.items()]
    program = resources.files("hermes_run.sandboxes").joinpath("probe.sh").read_text("utf-8")
    return "\n".join([*lines, "export HERMES_RUN_TCP HERMES_RUN_UDP", program])


def _ways_out(evidence: Evidence) -> list[str]:
    """Say which ways there are to other machines, and to this one."""
    lines = evidence.output.splitlines()
    faults = [text for kind, text in REACHED.items() if kind in evidence.reached]
    if any(line.startswith(b"route ") for line in lines):
        faults.append("a command has a route to other machines")
    if b"tried" not in lines:
        faults.append("nothing was found to try the network with: perl, python3, bash or nc")
    return faults


@contextlib.contextmanager
def _folder(beside: Path) -> Generator[Path]:
    _sweep(beside)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
    try:
        yield folder
    finally:
        remove_tree(folder)


def _sweep(beside: Path) -> None:
    """Remove the folders of tests whose process was killed."""
    for path in beside.glob(f"{PREFIX}*"):
        # It is another user's, or another process removes it, too.
        with contextlib.suppress(OSError, SandboxError):
            if time.time() - path.stat(follow_symlinks=False).st_mtime > STALE_S:
                remove_tree(path)
