"""A run that died before it wrote down what it was asked: nothing is lost, and nobody is stuck."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.standing import stand


@pytest.fixture
def run(command, prompts) -> Path:
    """Run one row."""
    path = prompts({"id": "a", "prompt": "x"})
    assert command("--model", "simulated", "--name", "mine", path).code == 0
    return Path("runs/mine")


@pytest.fixture
def cut_off(run: Path) -> Path:
    """Leave of a run what there is between its first segment and ``run.json``."""
    for path in run.iterdir():
        if path.is_file():
            path.unlink()
    for name in ("lock", "trajectories.jsonl", "failed_trajectories.jsonl", "run.log"):
        (run / name).touch()
    (segment,) = (run / "journal").iterdir()
    segment.write_bytes(segment.read_bytes().splitlines(keepends=True)[0])
    return run


def test_a_run_that_began_nothing_is_begun_again_under_its_name(command, cut_off: Path):
    """The same command works again, and what it leaves is sound."""
    old = stand(cut_off / "journal").run
    done = command("--model", "simulated", "--name", "mine", "prompts.jsonl")
    assert done.code == 0
    assert stand(cut_off / "journal").run not in ("", old)
    done = command("verify", cut_off)
    assert (done.code, "1 of run mine-" in done.out) == (0, True)


def test_there_is_nothing_to_go_on_with(command, cut_off: Path):
    """It says what to type, and leaves everything as it was."""
    before = sorted((cut_off / "journal").iterdir())
    done = command("resume", cut_off)
    assert done.code == 2
    assert "cut off before anything was begun" in done.err
    assert "`hermes-run --name mine PROMPTS`" in done.err
    assert sorted((cut_off / "journal").iterdir()) == before


def test_a_run_that_lost_what_it_was_asked_is_no_new_run(command, run: Path):
    """Its sessions stay what they are; only somebody who has the file can go on."""
    (run / "run.json").unlink()
    done = command("resume", run)
    assert (done.code, "no run.json" in done.err) == (2, True)
    done = command("--model", "simulated", "--name", "mine", "prompts.jsonl")
    assert (done.code, "holds a run already" in done.err) == (2, True)
    (run / "journal").rename("elsewhere")
    done = command("resume", run)
    assert (done.code, "holds no run" in done.err) == (2, True)


def test_a_run_that_said_what_it_was_asked_goes_on(command, cut_off: Path, run: Path):
    """Nothing was begun in it, but it can be resumed, so it is not begun again."""
    (run / "run.json").write_text('{"run": "r", "prompts": {"path": "prompts.jsonl"}}')
    done = command("--model", "simulated", "--name", "mine", "prompts.jsonl")
    assert (done.code, "hermes-run resume" in done.err) == (2, True)


def test_a_run_whose_first_line_was_torn_goes_on_under_its_name(command, run: Path):
    """What a machine that lost its power leaves: the file, and nothing that was in it."""
    (segment,) = (run / "journal").iterdir()
    for name in ("trajectories.jsonl", "statistics.json"):
        (run / name).unlink()
    name = stand(run / "journal").run
    segment.write_bytes(segment.read_bytes()[:20])
    assert stand(run / "journal").run == ""
    assert command("resume", run).code == 0
    assert stand(run / "journal").run == name
    done = command("verify", run)
    assert (done.code, f"of run {name}" in done.out) == (0, True)
    assert len((run / "trajectories.jsonl").read_bytes().splitlines()) == 1
