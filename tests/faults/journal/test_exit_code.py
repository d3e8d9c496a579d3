"""The command on a disk that fails: exit code 74, what happened, and how to go on."""

from __future__ import annotations

import errno

import pytest

import hermes_run.beside
import recorder.files
import recorder.opening
from recorder.reader import fold_journal

TYPED = "--model", "simulated", "--sync", "event", "--concurrency", 1, "--name", "mine"
PROMPTS = (
    '{"id": "a", "prompt": "Say hello."}\n{"nothing": 1}\n{"id": "b", "prompt": "Say hello."}\n'
)
BEFORE = "Nothing was asked and nothing was spent."
LATER = "go on with `hermes-run resume runs/mine`"
FAULTS = {
    "the first line": ("write", 0, BEFORE),
    "run.json": ("rename", 0, BEFORE),
    "the start of a session": ("sync", 1, LATER),
    "a reply": ("sync", 2, LATER),
    "a fact amid the run": ("write", 5, LATER),
    "the statistics": ("rename", 1, LATER),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_run_that_can_not_be_recorded_ends_with_74(tmp_path, command, disk, monkeypatch, fault):
    """Whatever it was that could not be written; a second try on a sound disk completes it."""
    call, after, said = fault
    (tmp_path / "prompts.jsonl").write_text(PROMPTS)
    with monkeypatch.context() as patched:
        for module in (recorder.opening, recorder.files, hermes_run.beside):
            patched.setattr(module, "Disk", lambda: disk)
        disk.fail(call, errno.EIO, after=after, times=1)
        done = command(*TYPED, "prompts.jsonl")
    assert done.code == 74, done.err
    assert "Input/output error" in done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    if said == LATER:
        again = command("resume", "runs/mine")
        assert again.code == 0, again.err
        sessions = fold_journal(tmp_path / "runs" / "mine" / "journal").sessions
        assert all(session.ended for session in sessions.values())
        assert len(sessions) == 2
        assert command("verify", "runs/mine").code == 0
