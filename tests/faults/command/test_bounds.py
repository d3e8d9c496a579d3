"""Bounds that the system sets to a process: how many files it may open, and how large they grow."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

FILES = 108
BYTES = 20_000


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no coverage be written by a process that may hardly write anything."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def open_few_files() -> None:
    """Allow this process few files, and no way to ask for more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def write_small_files() -> None:
    """Allow this process no file of more than some bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))


def test_a_run_that_may_open_too_few_files_is_told_before_it_asks_anything(watch, few):
    """What fits is named, and nothing is left behind."""
    run = watch(few)
    out, err = run.begin(preexec_fn=open_few_files).communicate(timeout=240)
    assert out == ""
    assert "this process may have 108: allow more with `ulimit -n`, or try --concurrency 5" in err
    assert run.endpoint.asked == {}
    assert not Path("runs").exists()


@pytest.mark.slow
def test_few_open_files_are_enough_for_few_sessions_at_once(watch, few, sound):
    """With what the refusal names, every session is as it is without a bound."""
    run = watch(few)
    running = run.begin(concurrency=5, preexec_fn=open_few_files)
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()


def allow_few_files() -> None:
    """Allow this process few files until it asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))


@pytest.mark.slow
def test_a_run_takes_as_many_open_files_as_it_may(watch, few, sound):
    """What a shell allows at first is no bound."""
    run = watch(few)
    running = run.begin(preexec_fn=allow_few_files)
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()


@pytest.mark.slow
def test_a_run_whose_files_may_not_grow_goes_on_where_they_may(watch, few, unmeasured, sound):
    """The journal takes another file; rows can't, so the run stops, with everything recorded."""
    run = watch(few)
    running = run.begin(preexec_fn=write_small_files)
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (74, ""), err
    assert "File too large" in err
    assert "go on with `hermes-run resume runs/mine`" in err
    run.look()
    running = run.resume()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()
