"""A run directory that somebody else has, that can't be written to, or that goes away."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


def hold(run, *more: object):
    """Begin the run, and let it come to where every session waits: one has a reply, the first."""
    run.endpoint.give_at_most(1)
    running = run.begin(*more)
    run.endpoint.wait_until(lambda: run.endpoint.waiting == len(run.whole.rows))
    return running


@pytest.fixture
def read_only() -> Iterator[Callable[[], None]]:
    """Let nobody write to the run directory any more: root by a mount, others by its mode."""
    folders = [Path("runs/mine"), Path("runs/mine/journal")]
    with ExitStack() as undo:

        def lock() -> None:
            if os.geteuid() == 0:
                undo.enter_context(mounted_read_only(folders[0]))
                return
            (folders[0] / "lock").unlink()  # it was made by who may write
            for folder in folders:
                folder.chmod(0o500)
                undo.callback(folder.chmod, 0o700)

        yield lock


@contextmanager
def mounted_read_only(path: Path) -> Iterator[None]:
    """Mount *path* over itself, for reading only."""
    done = subprocess.run(["mount", "--bind", path, path], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.slow
def test_a_run_that_is_going_on_has_one_owner(watch, few, finish, sound):
    """Whoever else comes is told which process has it, and disturbs nothing."""
    run = watch(few)
    running = hold(run)
    asked = run.endpoint.total
    begin = ["--model", "m", "--base-url", run.endpoint.url, "--name", "mine", few]
    for typed in (begin, ["resume", "runs/mine"]):
        done = finish(*typed)
        assert (done.code, done.out) == (2, ""), done.err
        assert f"runs/mine is in use by process {running.pid}: wait for it to end" in done.err
    assert run.endpoint.total == asked
    run.endpoint.give_at_most()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()


def test_a_run_that_may_only_be_read_is_not_gone_on_with(watch, few, read_only, command, sound):
    """It says why and asks nobody; it can be looked at all the same, and goes on later."""
    run = watch(few)
    running = hold(run)
    running.kill()
    running.communicate()
    run.look()
    read_only()
    asked = run.endpoint.total
    done = command("resume", "runs/mine")
    assert (done.code, done.out, run.endpoint.total) == (2, "", asked)
    assert "the run directory can't be locked: " in done.err
    sound()
    assert run.endpoint.total == asked


def test_a_run_whose_directory_is_removed_stops(watch, few, command):
    """Nothing is asked whose reply could not be recorded; what is lost is said."""
    run = watch(few)
    running = hold(run)
    shutil.rmtree("runs/mine")
    run.endpoint.give_at_most()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (74, ""), err
    assert "the segment was removed: 'runs/mine/journal/" in err
    assert "runs/mine/journal was removed meanwhile, and with it what was recorded" in err
    assert "Traceback" not in err
    assert command("resume", "runs/mine").code == 2
