"""Rows whose ids look like each other's sessions, in the real command."""

from __future__ import annotations

import pytest

ROWS = (
    {"id": "x", "prompt": "one"},
    {"id": "x", "prompt": "two"},
    {"id": "x#2", "prompt": "three"},
    {"id": "x-0", "prompt": "four"},
    {"id": "x#2-0", "prompt": "five"},
)


@pytest.mark.parametrize("concurrency", ["1", "3"])
def test_each_row_gets_a_session_of_its_own(command, prompts, concurrency: str):
    """The run completes, is sound, and has nothing left to do."""
    path = prompts(*ROWS)
    asked = ("--model", "simulated", "--name", "mine", "--samples", "2")
    done = command(*asked, "--concurrency", concurrency, path)
    assert done.code == 0, done.err
    assert command("verify", "runs/mine").code == 0
    again = command("resume", "runs/mine")
    assert (again.code, "sessions kept: 10, going on: 0, to begin: 0" in again.err) == (0, True)
