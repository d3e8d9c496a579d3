"""A hundred sessions are killed, in every way there is: nothing of them is left on this machine."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hermes_run.models.simulated.steps import Call, Turn
from hermes_run.sandboxes.confined.kernel import landlock_abi
from hermes_run.sandboxes.landlock import SIGNALS

WALLS = {"auto": 25, "landlock": 8}
"""How many sessions are killed in each of four ways, by the wall that they are behind."""

RUN = Path("runs/mine")
GONE_S = 240.0
"""How long what was killed may take to be gone, on a machine that has much to do, in seconds."""

ACT = """
sleep {number} &
setsid sleep {number} >/dev/null 2>&1 &
env -i /bin/sh -c 'trap "" TERM HUP INT; (setsid sleep {number} >/dev/null 2>&1 &)'
mkfifo pipe
cat pipe &
touch here
sleep {number}
"""
"""What a session does for as long as it may: it has processes that want to stay, also unmarked."""


def found(texts: list[str]) -> list[int]:
    """Find the processes that have one of *texts* in their command line or their environment."""
    return [one.pid for one in psutil.process_iter() if any(text in told(one) for text in texts)]


def told(process: psutil.Process) -> str:
    """What a process was started with; nothing where it has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return " ".join([*process.cmdline(), *process.environ().values()])
    except (psutil.Error, OSError):
        return ""


class Sessions:
    """A run below *folder* whose sessions all run :data:`ACT`; ``running`` is its process."""

    def __init__(
        self, folder: Path, number: str, count: int, running: subprocess.Popen[str]
    ) -> None:
        self.running = running
        self.count = count
        self._folder = folder
        self._texts = [number, f"{folder / 'runs'}/"]

    def have_begun(self) -> bool:
        """Tell whether all have come to where they only wait."""
        return sum(1 for _ in RUN.glob("workspaces/*/here")) == self.count

    def leave_nothing_running(self) -> None:
        """See that all their processes end by themselves, and that no mount is left."""
        latest = time.monotonic() + GONE_S
        while left := found(self._texts):
            assert time.monotonic() < latest, f"still running: {left}"
            time.sleep(0.02)
        assert str(self._folder) not in Path("/proc/self/mountinfo").read_text()

    def leave_no_file(self) -> None:
        """See that nothing is there but the record."""
        assert {path.name for path in RUN.iterdir() if path.is_dir()} == {"journal"}
        assert [path.name for path in RUN.parent.iterdir()] == [RUN.name]
        assert list((self._folder / "temporary").iterdir()) == []


@pytest.fixture
def begin(endpoint, process, tmp_path, monkeypatch) -> Callable[..., Sessions]:
    """Begin a run behind a wall; every session does the same."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # a killed one leaves files
    number = f"600.{secrets.randbelow(10**9):09}"
    row = json.dumps({"prompt": "x", "workspace": {"act": ACT.format(number=number)}})
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(f"{row}\n")
    endpoint.first = Turn("", calls=(Call("terminal", json.dumps({"command": "sh act"})),))

    def start(wall: str, *typed: object) -> Sessions:
        if wall == "landlock" and landlock_abi() < SIGNALS:
            pytest.skip(f"the kernel has no Landlock of version {SIGNALS}")
        count = WALLS.get(wall, 1)
        where = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name]
        many = ["--samples", count, "--concurrency", count, "--sandbox", wall]
        running = process(*where, *many, "--progress", "plain", *typed, prompts)
        return Sessions(tmp_path, number, count, running)

    return start


def complete(sessions: Sessions, finish, *typed: object) -> None:
    """Go on with a run to its end, after which nothing of it is left but its record."""
    done = finish("resume", RUN, "--progress", "plain", "--tool-timeout", 2, *typed)
    assert done.code == 0, done.err
    assert f"{sessions.count} sessions: {sessions.count} completed" in done.err
    sessions.leave_nothing_running()
    sessions.leave_no_file()


@pytest.mark.slow
@pytest.mark.parametrize("wall", WALLS)
def test_calls_whose_time_is_over_leave_nothing(begin, sound, wall):
    """The sessions go on and are completed; what their calls had begun is gone."""
    sessions = begin(wall, "--tool-timeout", 2)
    err = sessions.running.communicate(timeout=240)[1]
    assert sessions.running.returncode == 0, err
    sessions.leave_nothing_running()
    sessions.leave_no_file()
    sound()


@pytest.mark.slow
@pytest.mark.parametrize("wall", WALLS)
def test_sessions_whose_time_is_over_leave_nothing(begin, finish, sound, wall):
    """They may go on with more time, and find their files."""
    sessions = begin(wall, "--session-timeout", 3)
    err = sessions.running.communicate(timeout=240)[1]
    assert sessions.running.returncode == 0, err
    assert f"{sessions.count} limit" in err
    sessions.leave_nothing_running()
    sound()
    complete(sessions, finish, "--retry-outcome", "limit", "--session-timeout", 600)


@pytest.mark.slow
@pytest.mark.parametrize("wall", WALLS)
def test_sessions_that_are_cancelled_leave_nothing(begin, finish, until, sound, wall):
    """They go on where they were."""
    sessions = begin(wall, "--drain-timeout", 0)
    until(sessions.have_begun, sessions.running)
    sessions.running.send_signal(signal.SIGTERM)
    err = sessions.running.communicate(timeout=240)[1]
    assert sessions.running.returncode == 143, err
    sessions.leave_nothing_running()
    sound()
    complete(sessions, finish)


@pytest.mark.slow
@pytest.mark.parametrize("wall", WALLS)
def test_sessions_whose_run_is_killed_leave_nothing(begin, finish, until, sound, wall):
    """Nobody is left to end them, and they end all the same; then they go on."""
    sessions = begin(wall)
    until(sessions.have_begun, sessions.running)
    sessions.running.kill()
    sessions.running.communicate()
    sessions.leave_nothing_running()
    sound()
    complete(sessions, finish)
