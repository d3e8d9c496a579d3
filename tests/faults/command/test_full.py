"""A disk that fills up under a run: it pauses and goes on, or stops when it is told to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from recorder.events import SessionEnded

ROOM = 16 * 2**20
FILLER = Path("runs/filler")
IMAGE = Path("image")


@pytest.fixture(autouse=True)
def no_wall(bare_environment, monkeypatch) -> None:
    """Give sessions no wall: what it needs on the disk is removed with them, and that is room."""
    monkeypatch.setenv("HERMES_RUN_SANDBOX", "none")


@pytest.fixture
def large(folder) -> Path:
    """Write a file of tasks that are larger than what is left in a block, and need no tools."""
    rows = [{"id": f"large-{number}", "prompt": f"{number} " * 30_000} for number in range(6)]
    (folder / "large.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder / "large.jsonl"


@pytest.fixture
def small_tmpfs() -> Iterator[Callable[[], None]]:
    """Put a small disk in memory in the place of the runs."""

    def mount() -> None:
        mount_on_runs("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs")

    yield mount
    unmount()


@pytest.fixture
def small_ext4() -> Iterator[Callable[[], None]]:
    """Put a small file system in the place of the runs."""

    def mount() -> None:
        with IMAGE.open("wb") as image:
            image.truncate(ROOM)
        mkfs = shutil.which("mkfs.ext4") or pytest.skip("there is no mkfs.ext4 here")
        subprocess.run([mkfs, "-q", "-F", "-m", "0", IMAGE], check=True)
        mount_on_runs("-o", "loop", str(IMAGE))

    yield mount
    unmount()


def mount_on_runs(*typed: str) -> None:
    """Mount something where runs are recorded, so that their paths stay what they are."""
    Path("runs").mkdir()
    done = subprocess.run(["mount", *typed, "runs"], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this can't be mounted here: {done.stderr.strip()}")


def unmount() -> None:
    """Take away what is mounted, if anything is."""
    if Path("runs").is_mount():
        subprocess.run(["umount", "-l", "runs"], check=True)


def fill() -> None:
    """Leave no room at all."""
    descriptor = os.open(FILLER, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(descriptor, bytes(2**20)):
            pass
    with suppress(OSError):
        while os.write(descriptor, b"x"):
            pass
    os.close(descriptor)


def fill_up_under(run, read_until, *more: object):
    """Begin the run, and let it come to where nothing can be recorded any more.

    One session has its row when the disk fills up, as two others ask by then.
    """
    endpoint = run.endpoint
    endpoint.give_at_most(1)  # before the first answer nobody else asks
    running = run.begin(*more, concurrency=2)
    endpoint.wait_until(lambda: (endpoint.answered.total(), endpoint.waiting) == (1, 2))
    fill()
    endpoint.give_at_most()
    said = read_until(running, "PAUSED, nothing is asked until it can be recorded")
    assert "No space left on device" in said
    return running


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_waits_for_room_and_goes_on(watch, large, small_ext4, read_until, sound, workers):
    """Nothing is lost and nothing is asked for twice."""
    run = watch(large)
    small_ext4()
    running = fill_up_under(run, read_until, "--workers", workers)
    assert run.endpoint.total < len(run.whole.rows)
    FILLER.unlink()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        (1, [signal.SIGTERM]),
        (1, [signal.SIGTERM, signal.SIGINT]),
        (2, [signal.SIGTERM, signal.SIGINT]),
    ],
)
def test_a_run_that_waits_for_room_can_be_stopped(
    watch, large, small_tmpfs, read_until, sound, how
):
    """It says what it could not record; with room it goes on, and nothing is asked for twice."""
    workers, numbers = how
    run = watch(large)
    small_tmpfs()
    drain_timeout = 0 if numbers == [signal.SIGTERM] else 3600
    more = ["--workers", workers, "--drain-timeout", drain_timeout]
    running = fill_up_under(run, read_until, *more)
    said = ""
    for number in numbers:
        running.send_signal(number)
        said += read_until(running, f"{number.name}: ")
    out, err = running.communicate(timeout=240)
    err = said + err  # the end may be told before the signal is
    assert (running.returncode, out) == (74, ""), err
    assert "go on with `hermes-run resume runs/mine`" in err
    assert "Traceback" not in err
    FILLER.unlink()
    run.look()
    running = run.resume()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    past = run.check()
    assert past.count(SessionEnded).keys() == run.whole.rows.keys()
    sound()
