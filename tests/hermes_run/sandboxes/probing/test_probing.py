"""A wall is tested by what a command behind it can reach; each single leak is found."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.baits import VARIABLE, leaked, open_baits, reached, signalled
from hermes_run.sandboxes.probing import (
    LEAKS,
    PREFIX,
    REACHED,
    Evidence,
    Verdict,
    judge,
    probe,
)
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.wall import Site
from hermes_run.sandboxes.without import Without
from tests.hermes_run.sandboxes.probing.folder import Folder

WRITTEN = "a command could not write to its workspace"
OUTSIDE = "a command could write outside of its workspace"
SIGNALLED = "a command could signal a process of this machine"
ROUTE = "a command has a route to other machines"
UNTRIED = "nothing was found to try the network with: perl, python3, bash or nc"
UNENDED = "the command of the self-test did not come to its end"


class Leaky(Folder):
    """A sandbox that lets nothing through but what it is told to."""

    def __init__(self, folder: Path, leak: str) -> None:
        super().__init__(folder)
        self.leak = leak
        self.code = None if leak == "hang" else 0

    async def output(self, command: Command) -> bytes:
        """Do what the test's program would do here, by hand."""
        lines = (line.partition("=") for line in command.line.splitlines())
        known = {name.removeprefix("HERMES_RUN_"): value for name, _, value in lines}
        if self.leak != "workspace":
            await self.write("written", known["WORD"].encode())
        reach(self.leak, known)
        printed = told(self.leak, known) + b"\n"
        tries = self.leak != "untried" and known["TCP"] != "''"
        return printed + b"tried\n" if tries else printed


def told(leak: str, known: Mapping[str, str]) -> bytes:
    """Give what a command prints."""
    match leak:
        case "environment":
            return os.environ[VARIABLE].encode()
        case "process":
            return Path(f"/proc/{known['BAIT']}/environ").read_bytes()
        case "file":
            return Path(known["SECRET"]).read_bytes()
        case "route":
            return b"route eth0 00000000 0101A8C0"
        case _:
            return b""


def reach(leak: str, known: Mapping[str, str]) -> None:
    """Do what is seen from outside."""
    match leak:
        case "append":
            with Path(known["SECRET"]).open("a") as file:
                file.write("x")
        case "outside":
            Path(known["OUTSIDE"]).write_text("x")
        case "signal":
            os.kill(int(known["BAIT"]), signal.SIGURG)
        case "tcp":
            socket.create_connection(("127.0.0.1", int(known["TCP"]))).close()
        case "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("127.0.0.1", int(known["UDP"])))
        case "abstract":
            with socket.socket(socket.AF_UNIX) as sender:
                sender.connect(f"\0{known['NAME']}")
        case _:
            pass


class LeakyWall:
    """A wall of leaky sandboxes."""

    name = "leaky"

    def __init__(self, leak: str) -> None:
        self.leak = leak

    @contextlib.asynccontextmanager
    async def open(self, site: Site) -> AsyncGenerator[Sandbox]:
        """Open one."""
        if self.leak == "broken":
            raise SandboxError("it broke")
        yield Leaky(site.folder, self.leak)


async def tried(leak: str, beside: Path, *, networked: bool = False) -> Verdict:
    """Probe a wall with one leak."""
    verdict = await probe(LeakyWall(leak), beside, networked=networked)
    assert list(beside.iterdir()) == []
    assert VARIABLE not in os.environ
    return verdict


async def test_a_wall_that_lets_nothing_through_holds(tmp_path):
    """And nothing of the test is left, neither a file nor a variable."""
    verdict = await tried("", tmp_path)
    assert verdict.holds
    assert verdict.faults == ()


@pytest.mark.parametrize(
    ("leak", "sentence"),
    [
        ("workspace", WRITTEN),
        *LEAKS.items(),
        *REACHED.items(),
        ("append", OUTSIDE),
        ("outside", OUTSIDE),
        ("signal", SIGNALLED),
        ("route", ROUTE),
        ("untried", UNTRIED),
        ("hang", UNENDED),
    ],
)
async def test_a_single_leak_is_found_and_named(leak, sentence, tmp_path):
    """One sentence, no other."""
    verdict = await tried(leak, tmp_path)
    assert not verdict.holds
    assert verdict.faults == (sentence,)


@pytest.mark.parametrize("leak", ["abstract", "route", "untried"])
async def test_with_a_network_it_is_not_tested(leak, tmp_path):
    """The command is told no port, and what it reaches all the same does not matter."""
    assert (await tried(leak, tmp_path, networked=True)).holds


async def test_a_sandbox_that_does_not_open_is_an_error(tmp_path):
    """It says why."""
    with pytest.raises(SandboxError, match="it broke"):
        await tried("broken", tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_what_a_killed_test_left_is_removed_by_a_later_one(tmp_path):
    """One that may be of a test that still runs stays, and so does whatever else is there."""
    names = (f"{PREFIX}old", f"{PREFIX}new", "mine")
    for name in names:
        (tmp_path / name / "scratch").mkdir(parents=True)
    for name in (f"{PREFIX}old", "mine"):
        os.utime(tmp_path / name, (0, 0))
    await probe(LeakyWall(""), tmp_path, networked=False)
    assert {path.name for path in tmp_path.iterdir()} == {f"{PREFIX}new", "mine"}


async def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    """The test needs a place."""
    with pytest.raises(SandboxError, match=r"can't be run: .*No such file"):
        await probe(LeakyWall(""), tmp_path / "missing", networked=False)


async def test_without_a_wall_everything_but_the_environment_leaks(tmp_path):
    """The program of the test tries all of it, and it works where nothing is in its way."""
    verdict = await probe(Without(), tmp_path, networked=False)
    leaks = [text for kind, text in LEAKS.items() if kind != "environment"]
    # A machine without another network has no route either.
    faults = [fault for fault in verdict.faults if fault != ROUTE]
    assert faults == [*leaks, OUTSIDE, SIGNALLED, *REACHED.values()]


@pytest.mark.parametrize("missing", [["perl"], ["perl", "python3"]])
async def test_the_network_is_tried_with_what_is_there(missing, tmp_path, monkeypatch):
    """Where there is no perl, python3 does it; without both, bash does what it can."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "cat", "env", "grep", "perl", "python3", "sh", "tr"):
        found = next((Path(d, name) for d in ("/usr/bin", "/bin") if Path(d, name).exists()), None)
        if found is None:
            pytest.skip(f"there is no {name} on this machine")
        if name not in missing:
            (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    beside = tmp_path / "beside"
    beside.mkdir()
    faults = (await probe(Without(), beside, networked=False)).faults
    expected = {"tcp", "udp"} if "python3" in missing else {"tcp", "udp", "abstract"}
    assert {kind for kind, text in REACHED.items() if text in faults} == expected
    assert UNTRIED not in faults


def evidence(**changes: object) -> Evidence:
    """What a command reached behind a wall that holds."""
    fields = {
        "output": b"tried\n",
        "canary": "canary1",
        "exit_code": 0,
        "written": True,
        "outside": False,
        "signalled": False,
        "networked": False,
        "reached": frozenset(),
    }
    return Evidence(**{**fields, **changes})


def test_several_leaks_are_all_named():
    """In an order that does not change."""
    output = b"route a\n" + leaked("canary1", "file") + b"\n" + leaked("canary1", "environment")
    verdict = judge(evidence(output=output, reached=frozenset({"udp", "tcp"})))
    assert verdict.faults == (
        LEAKS["environment"],
        LEAKS["file"],
        REACHED["tcp"],
        REACHED["udp"],
        ROUTE,
        UNTRIED,
    )


def test_baits_are_gone_afterwards(tmp_path):
    """The process, the variable and the sockets."""
    with open_baits(tmp_path) as baits:
        assert not signalled(baits.pid)
        assert reached(baits.sockets) == frozenset()
        assert os.environ[VARIABLE].startswith(baits.canary)
        subprocess.run(["kill", "-URG", str(baits.pid)], check=True)
        assert signalled(baits.pid)
    assert VARIABLE not in os.environ
    assert not signalled(baits.pid)
    with pytest.raises(ProcessLookupError):
        os.kill(baits.pid, 0)
    assert baits.sockets.tcp.fileno() == -1
