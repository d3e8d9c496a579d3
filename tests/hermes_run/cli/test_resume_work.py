"""How often ``hermes-run resume`` reads its files: counted in the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

COUNTING = """
import sys
from collections import Counter

opened = Counter()
sys.addaudithook(
    lambda name, found: opened.update([f"{found[0]}:{found[1]}"]) if name == "open" else None
)

from hermes_run.cli import main

if main(sys.argv[1:]):
    raise SystemExit("it failed")

import json

print(json.dumps(opened))
"""


def resume(run: Path) -> Counter[str]:
    """Go on with *run*; gives how often files in the folder of the test were opened for reading."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, "resume", str(run), "--progress", "none"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    opened: Counter[str] = Counter()
    for name, count in json.loads(done.stdout.splitlines()[-1]).items():
        path, _, mode = name.rpartition(":")
        if mode == "r":
            opened[Path(path).name] += count
    return opened


@pytest.fixture
def run(command, prompts) -> Path:
    """Run forty rows; gives the run directory."""
    path = prompts(*({"id": f"r{number}", "prompt": "x"} for number in range(40)))
    assert command("--model", "simulated", "--name", "mine", path).code == 0
    return Path("runs/mine")


def segment_of(run: Path) -> Path:
    """The only segment of a run."""
    (segment,) = (run / "journal").iterdir()
    return segment


def test_a_run_that_is_done_is_read_once(run: Path):
    """Its journal and its rows once, and the prompts to check, to compare and to run them."""
    segment = segment_of(run)
    opened = resume(run)
    assert opened[segment.name] == 1
    assert opened["trajectories.jsonl"] == 1
    assert opened["prompts.jsonl"] == 3


def test_what_goes_on_is_found_in_one_more_reading(run: Path):
    """The journal once more for all sessions that go on, then only what is theirs."""
    segment = segment_of(run)
    lines = segment.read_bytes().splitlines(keepends=True)
    cut = [line for line in lines if not (b"session_ended" in line and b'"r1' in line)]
    segment.write_bytes(b"".join(cut))
    path = run / "trajectories.jsonl"
    ended = [row for row in path.read_bytes().splitlines(keepends=True) if b'"id":"r1' not in row]
    path.write_bytes(b"".join(ended))
    going = len(lines) - len(cut)
    assert going == 11
    opened = resume(run)
    assert opened[segment.name] == 2 + going
    rows = path.read_bytes().splitlines()
    assert sorted(json.loads(row)["id"] for row in rows) == sorted(f"r{n}-0" for n in range(40))
