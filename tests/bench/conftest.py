"""Answers to lay out and to draw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.answer import Answer, Curve, Figure, at_least, at_most
from bench.asking import Failure

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def quick():
    """Run a benchmark on small sizes; gives what its one line says, and its figures by name."""
    # Else it would be the recording of what is covered that is measured.
    bare = {name: each for name, each in os.environ.items() if not name.startswith("COVERAGE_")}

    def run(name):
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", "--quick"],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env=bare,
            text=True,
        )
        (line,) = done.stdout.splitlines()
        answer = json.loads(line)
        return answer, {figure["name"]: figure for figure in answer["figures"]}

    return run


@pytest.fixture
def turn():
    """An answer with a budget that is kept, one that is missed, and none."""
    curves = (
        Curve("ours", "sessions", "turns/s", ((1, 20.0), (64, 700.0), (2000, 900.0))),
        Curve("theirs <i>", "sessions", "turns/s", ((1, 10.0), (64, 200.0))),
        Curve("memory", "prompts", "MB", ((10_000, 80.0), (1_000_000, 81.0))),
        Curve("nothing", "prompts", "MB", ()),
    )
    return Answer(
        "turn",
        5,
        {"sessions": [64, 512]},
        (
            at_most("ours / sdk", "", [0.31, 0.29, 0.33], 0.5),
            at_least("two workers / one", "", [1.7], 1.8),
            at_most("ours", "us", [1400.0, 1300.0]),
        ),
        curves,
        checks={"server_busy": 0.123, "completed": {"64": 640}},
        versions={"python": "3.11"},
        machine={"cores": 2},
    )


@pytest.fixture
def skipped():
    """An answer of a machine that can't measure."""
    return Answer("sandbox", 5, {}, (), skipped="bwrap is not there")


@pytest.fixture
def failure():
    """What a benchmark said that failed, with markup, pipes and escapes in it."""
    return Failure("lag", "Traceback:\n  <script>x</script> & \x1b[31mred | more")


@pytest.fixture
def broken():
    """A figure that could not be measured as a number."""
    return Figure("endless", "ms", float("inf"), 1.0, float("inf"))
