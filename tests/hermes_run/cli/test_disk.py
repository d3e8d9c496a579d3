"""A disk that takes no more: the run waits for room, or stops and says what it lost."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROMPT = 100_000


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system with very little room."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no coverage be written by a process that may hardly write anything."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.mark.root
@pytest.mark.parametrize(
    "small_disk", [PROMPT, 4 * PROMPT], indirect=True, ids=["no room for a fact", "or for a row"]
)
def test_a_full_disk_pauses_the_run_until_there_is_room(
    process, prompts, read_until, rows_of, small_disk
):
    """Nothing is lost, and the pause is said at once."""
    path = prompts(*[{"id": str(number), "prompt": "x" * PROMPT} for number in range(3)])
    typed = ["--model", "simulated", "--concurrency", 1, "--out", small_disk, "--name", "mine"]
    running = process(*typed, path)
    said = read_until(running, "PAUSED, nothing is asked until it can be recorded")
    remount = ["mount", "-o", "remount,size=50m", str(small_disk)]
    subprocess.run(remount, check=True)
    out, err = running.communicate(timeout=60)
    assert "No space left on device" in said
    assert running.returncode == 0, said + err
    assert "3 sessions: 3 completed" in err
    assert len(rows_of(out)) == 3


def test_a_run_that_cannot_even_begin_says_so(process, prompts, unmeasured):
    """run.json does not fit."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    typed = ["--model", "simulated", "--sandbox", "none"]  # what opens a wall needs room, too
    running = process(*typed, prompts({"prompt": "x"}), preexec_fn=limited)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (74, "")
    assert "File too large" in err
    assert "The record could not be written, so the run stopped." in err
