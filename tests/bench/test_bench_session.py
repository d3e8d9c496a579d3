"""The benchmarks of whole sessions each print one line that a program can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def quick(name):
    """Run the benchmark *name* on small sizes; gives what its one line says."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--quick"],
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
    )
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def reached(most, sessions):
    """Whether more than half of the *sessions* were there at once: a busy machine begins slowly."""
    return all(sessions / 2 < each <= sessions for each in most.values())


@pytest.fixture
def figures():
    """Give the figures of an answer by their names."""
    return lambda answer: {figure["name"]: figure for figure in answer["figures"]}


def test_a_session_is_measured_against_a_bare_loop(figures):
    """Each number of sessions has a figure for both and their ratio, and was really reached."""
    answer = quick("session")
    assert (answer["bench"], answer["repeats"]) == ("session", 2)
    found = figures(answer)
    for name in ("at 4", "at 4, chunks at once", "at 8"):
        parts = [f"session {name}", f"bare SDK {name}", f"ours to bare SDK {name}"]
        assert all(0 < found[part]["low"] <= found[part]["median"] for part in parts)
    assert reached(answer["checks"]["at 4"]["most"], 4)
    assert found["session with a workspace at 4"]["low"] > 0
    assert [curve["name"] for curve in answer["curves"]] == ["ours", "bare SDK"]


def test_the_share_of_the_record_is_measured_against_none_and_against_bare_files(figures):
    """Each kind of record has a figure for what a session costs with it, and the share one."""
    answer = quick("share")
    found = figures(answer)
    for load, sessions in (("core full", 12), ("at leisure", 4)):
        for kind in ("on", "journal only", "off", "aiofiles"):
            assert found[f"session, {kind}, {load}"]["low"] > 0
        assert reached(answer["checks"][load]["most"], sessions)
    assert found["recorder's share of the CPU, core full"]["budget"] == 0.05


def test_bytes_are_counted_against_what_was_said(figures):
    """The journal holds all that was said, and all files hold the journal and the rows."""
    found = figures(quick("bytes"))
    parts = ("journal", "rows, made from it,", "all files")
    journal, rows, every = (found[f"{part} to the conversation's bytes"]["low"] for part in parts)
    assert 1 < journal < every
    assert journal + rows <= every
    assert found["of them the journal's"]["low"] > 0
