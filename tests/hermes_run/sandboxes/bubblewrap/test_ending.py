"""Nothing of a sandbox is left: when it is closed, and when its host is killed."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

SECONDS = 240
DAEMONS = "(setsid sleep 600 &) ; nohup sleep 600 >/dev/null 2>&1 & echo started"


def wait_for_the_end_of(pids: list[int]) -> None:
    """Return when none of these processes is there any more."""
    latest = time.monotonic() + SECONDS
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < latest, f"still running: {left}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_closing_leaves_no_process_mount_file_or_descriptor(host):
    """Daemons go with the rest."""
    host.order("true")  # the thread that starts processes stays
    host.answer()
    first = host.order(DAEMONS, lasting=True)
    answer = host.answer()
    assert len(answer["family"]) > 3
    wait_for_the_end_of(answer["family"])
    second = host.order("true")
    host.answer()
    assert not Path(first["folder"]).exists()
    assert first["folder"] not in Path("/proc/self/mountinfo").read_text()
    assert first["descriptors"] == second["descriptors"]


def test_a_killed_host_leaves_no_process(opening):
    """As the kernel ends what it started, down to the daemons."""
    with opening() as host:
        folder = Path(host.order(f"{DAEMONS}; touch up; sleep 600", timeout_s=600.0)["folder"])
        host.wait_for(folder / "workspace" / "up")
        family = [each.pid for each in psutil.Process(host.process.pid).children(recursive=True)]
        assert len(family) > 3
        host.process.kill()
        wait_for_the_end_of(family)


def test_commands_that_kill_everything_do_not_end_the_session(host):
    """The next one finds the files as they were."""
    killing, after = host.all("echo kept >file; kill -9 -1; sleep 600", "cat file")
    assert killing.exit_code != 0
    assert after.output == b"kept\n"
