"""Bounds that the system sets to a process: how many files it may open, and how large they grow."""

from __future__ import annotations

import resource

import pytest

from recorder.events import SessionStarted

FILES = 64
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


@pytest.mark.slow
def test_too_few_open_files_lose_nothing(watch, few, look_at, command, sound):
    """What could not be done is said of each session, and is done by a resumption that may."""
    run = watch(few)
    running = run.begin(preexec_fn=open_few_files)
    out, err = running.communicate(timeout=60)
    assert out == "runs/mine\n", err
    assert running.returncode in (0, 3), err
    assert "Traceback" not in err
    sound()
    before, rows = look_at("runs/mine")
    failed = [row["error"] for row in rows.values() if row["outcome"] != "completed"]
    assert all("Too many open files" in error for error in failed)
    asked = {mark: run.endpoint.asked[mark] for mark in before.replies()}
    running = run.resume()
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    past, rows = look_at("runs/mine")
    assert before.missing_from(past) == []
    assert past.count(SessionStarted) == dict.fromkeys(run.whole.rows, 1)
    assert {row["outcome"] for row in rows.values()} == {"completed"}
    assert {mark: run.endpoint.asked[mark] for mark in asked} == asked
    sound()


@pytest.mark.slow
def test_a_run_whose_files_may_not_grow_goes_on_where_they_may(watch, few, unmeasured, sound):
    """The journal takes another file; rows can't, so the run stops, with everything recorded."""
    run = watch(few)
    running = run.begin(preexec_fn=write_small_files)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (74, ""), err
    assert "File too large" in err
    assert "go on with `hermes-run resume runs/mine`" in err
    run.look()
    running = run.resume()
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    run.check()
    sound()
