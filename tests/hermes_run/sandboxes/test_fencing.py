"""What outlives a killed runner is found by its mark and ended, and nothing else is."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes import fencing
from hermes_run.sandboxes.fencing import VARIABLE, end_sessions, fence, marks
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command

WAIT_S = 240

HERE = Path(__file__).parent
"""What stands for the run directory; nothing is written to it."""

RUNNER = """
import sys
from pathlib import Path
import anyio
from hermes_run.sandboxes.fencing import marks
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command

async def main(run, directory, line):
    async with open_plain(Path.cwd(), marks(run, Path(directory), "session")) as sandbox:
        await sandbox.run(Command(line, timeout_s=600, limit=1000))

anyio.run(main, *sys.argv[1:])
"""


class Announced:
    """A FIFO in a workspace, to which processes that were started write their ids."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.descriptor = os.open(path, os.O_RDWR)
        self._unread = b""

    def pids(self, count: int) -> list[int]:
        """Wait for the ids of *count* processes."""
        while self._unread.count(b"\n") < count:
            ready, _, _ = select.select([self.descriptor], [], [], WAIT_S)
            assert ready, "the processes did not start"
            self._unread += os.read(self.descriptor, 1000)
        return self._read()

    def rest(self) -> list[int]:
        """Give the ids that have come since."""
        while select.select([self.descriptor], [], [], 0)[0]:
            self._unread += os.read(self.descriptor, 1000)
        return self._read()

    def _read(self) -> list[int]:
        *lines, self._unread = self._unread.split(b"\n")
        return [int(line) for line in lines]


@pytest.fixture
def announced(workspace: Path) -> Iterator[Announced]:
    """Give a FIFO called ``started`` in the workspace."""
    fifo = Announced(workspace / "started")
    yield fifo
    os.close(fifo.descriptor)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes that are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(*line: str, cwd: Path | None = None, **variables: str) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        process = subprocess.Popen(line, cwd=cwd, env=environment)
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def run() -> str:
    """Name a run like no other: tests that run at the same time would end each other's."""
    return f"run-{uuid.uuid4().hex}"


def end_without_waiting_for_it(process: subprocess.Popen[bytes]) -> None:
    """Leave a zombie."""
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def is_running(pid: int) -> bool:
    """Tell whether a process is there, and not just not yet waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


ORPHANS = """
    (echo $BASHPID > started; exec sleep 600) &
    setsid bash -c 'echo $$ > started; exec sleep 600' &
    (setsid bash -c 'cd /; sleep 600 & echo $! > ~/started; wait' &)
    echo $$ > started
    sleep 600
"""


async def test_all_that_outlives_a_killed_runner_is_ended(run, workspace, announced, start):
    """What has made itself a session of its own, and children of that; the rest goes by itself."""
    runner = start(sys.executable, "-c", RUNNER, run, str(HERE), ORPHANS, cwd=workspace)
    pids = announced.pids(4)
    sessions = [os.getsid(pid) for pid in pids]
    outlasting = [pid for pid in pids if sessions.count(os.getsid(pid)) == 1]
    runner.kill()
    runner.wait()
    assert len(outlasting) == 2
    assert all(is_running(pid) for pid in outlasting)
    assert await fence(run, HERE) >= 3
    assert not any(is_running(pid) for pid in pids)
    assert await fence(run, HERE) == 0


async def test_what_keeps_starting_processes_is_ended_with_all_of_them(
    run, workspace, announced, start
):
    """Some are started while the others are being looked for."""
    line = "while :; do setsid sh -c 'echo $$ > started; sleep 600' & read -t 0.01; done"
    start("bash", "-c", line, cwd=workspace, **marks(run, HERE, "session"))
    pids = announced.pids(5)
    assert await fence(run, HERE) >= 6
    pids += announced.rest()
    assert not any(is_running(pid) for pid in pids)


async def test_other_processes_are_not_touched(run, start):
    """Those without a mark, those of other runs, and those whose mark only looks alike."""
    variables = [
        {},
        marks(f"{run}0", HERE, "session"),
        marks(f"{run}/session", HERE, run),
        {VARIABLE: run},
        {"OTHER": f"{run}/session", VARIABLE: f" {run}/session"},
    ]
    others = [start("sleep", "600", **each) for each in variables]
    own = start("sleep", "600", **marks(run, HERE, "session"))
    assert await fence(run, HERE) == 1
    assert own.wait(WAIT_S) == -signal.SIGKILL
    assert all(process.poll() is None for process in others)


async def test_a_copy_of_a_run_does_not_end_what_the_run_itself_has_started(run, start, tmp_path):
    """Both have the id of the run, and only one of them goes on; by whichever path it is named."""
    original, copy = tmp_path / "run", tmp_path / "copy"
    original.mkdir()
    copy.mkdir()
    process = start("sleep", "600", **marks(run, original, "session"))
    assert await fence(run, copy) == 0
    assert process.poll() is None
    (tmp_path / "link").symlink_to(original)
    original.rename(tmp_path / "moved")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    assert await fence(run, tmp_path / "link") == 1
    assert process.wait(WAIT_S) == -signal.SIGKILL


async def test_a_process_that_was_killed_and_not_waited_for_is_gone(run, start):
    """Its parent may never wait for it."""
    process = start("sleep", "600", **marks(run, HERE, "session"))
    end_without_waiting_for_it(process)
    assert await fence(run, HERE) == 0


def test_the_process_itself_is_spared(run, start):
    """It may have been started by a command of a run."""
    program = (
        "import sys, anyio; from pathlib import Path; "
        "from hermes_run.sandboxes.fencing import fence; "
        "sys.exit(anyio.run(fence, sys.argv[1], Path(sys.argv[2])) != 1)"
    )
    start("sleep", "600", **marks(run, HERE, "session"))
    line = [sys.executable, "-c", program, run, str(HERE)]
    assert start(*line, **marks(run, HERE, "session")).wait(WAIT_S) == 0


async def test_processes_that_cannot_be_ended_are_named(run, start, monkeypatch):
    """When the time for it is over."""
    monkeypatch.setattr(fencing, "FENCE_S", 0)
    process = start("sleep", "600", **marks(run, HERE, "session"))
    with pytest.raises(SandboxError, match=rf"can't be ended: {process.pid}$"):
        await fence(run, HERE)


@pytest.mark.root
async def test_processes_of_other_users_are_left_to_them(run, start):
    """Their marks can't be read."""
    process = start("sleep", "600", **marks(run, HERE, "session"))
    os.seteuid(65_534)
    try:
        assert await fence(run, HERE) == 0
    finally:
        os.seteuid(0)
    assert process.poll() is None


@pytest.mark.parametrize("name", ["", "a/b", "a\0b", "a=b\n", "\ud800", "ä" * 10_000])
async def test_whatever_a_session_is_called_its_commands_have_a_mark(workspace, name):
    """Ids come from input rows."""
    async with open_plain(workspace, marks(name, HERE, name)) as sandbox:
        finished = await sandbox.run(Command(f"echo ${VARIABLE}", timeout_s=240, limit=10**6))
    mark = finished.output.decode().strip()
    assert mark == marks(name, HERE, name)[VARIABLE]
    assert mark.count("/") == 1
    assert marks(name, HERE, "another")[VARIABLE].startswith(mark.split("/")[0] + "/")


async def test_commands_have_a_mark_that_is_no_run_s_unless_one_is_given(sandbox):
    """What they leave behind is found by it when the sandbox is closed."""
    finished = await sandbox.run(Command(f"echo ${VARIABLE}", timeout_s=240, limit=100))
    assert finished.output.startswith(b"sandbox/")
    assert b"@" not in finished.output


def test_marks_of_sessions_with_long_names_differ():
    """Only the beginning of a name is in the mark."""
    names = ["a" * 500 + last for last in "bc"]
    first, second = (marks("run", HERE, name)[VARIABLE] for name in names)
    assert first != second
    assert len(first) < 400


async def test_what_some_sessions_left_is_ended_and_others_are_spared(run, start):
    """Also those whose ids begin alike, those of other runs, and what has no mark at all."""
    mine = [start("sleep", "600", **marks(run, HERE, name)) for name in ("a-0", "b/0", "b/0")]
    others = [
        start("sleep", "600", **marks(run, HERE, "a-01")),
        start("sleep", "600", **marks(run, HERE, "b")),
        start("sleep", "600", **marks(f"{run}0", HERE, "a-0")),
        start("sleep", "600"),
    ]
    await end_sessions(run, HERE, ["a-0", "b/0", "nothing"])
    assert [process.wait(WAIT_S) for process in mine] == [-signal.SIGKILL] * 3
    assert all(process.poll() is None for process in others)


async def test_what_can_not_be_ended_of_some_sessions_is_given_up(run, start, monkeypatch):
    """The run goes on; what a session left may be somebody else's by now."""
    monkeypatch.setattr(fencing, "FENCE_S", 0)
    process = start("sleep", "600", **marks(run, HERE, "a-0"))
    await end_sessions(run, HERE, ["a-0"])
    await fence_later(run, monkeypatch)
    assert process.wait(WAIT_S) == -signal.SIGKILL


async def fence_later(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """End what is left with all the time that it takes."""
    monkeypatch.setattr(fencing, "FENCE_S", WAIT_S)
    await fence(run, HERE)
