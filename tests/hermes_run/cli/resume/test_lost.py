"""Rows whose sessions the journal has lost, in the real command."""

from __future__ import annotations

from pathlib import Path

import pytest

RUN = Path("runs/mine")
LOST = RUN / "lost_trajectories.jsonl"


@pytest.fixture
def cut(command, prompts):
    """Run three rows, then take the ends of two off the journal, and what came after."""

    def make(*typed: str) -> None:
        rows = ({"id": name, "prompt": name} for name in "abc")
        asked = ("--model", "simulated", "--name", "mine", "--concurrency", "1", *typed)
        assert command(*asked, prompts(*rows)).code == 0
        (segment,) = (RUN / "journal").iterdir()
        lines = segment.read_bytes().splitlines(keepends=True)
        ends = [place for place, line in enumerate(lines) if b'"session_ended"' in line]
        segment.write_bytes(b"".join(lines[: ends[1]]))

    return make


def tree() -> dict[Path, bytes]:
    """Read every file of the run but its lock."""
    paths = (path for path in RUN.rglob("*") if path.is_file() and path.name != "lock")
    return {path: path.read_bytes() for path in paths}


def test_a_run_that_lost_what_it_was_promised_does_not_go_on(command, cut):
    """It says which sessions, changes nothing, and goes on once what is sound was saved."""
    cut()
    before = tree()
    done = command("resume", RUN)
    assert done.code == 1
    assert "2 sessions have rows and no end in the journal: 'b-0', 'c-0'" in done.err
    assert "Nothing was asked and nothing was changed." in done.err
    assert f"hermes-run verify {RUN} --salvage OUT" in done.err
    assert tree() == before
    assert command("verify", RUN).code == 1
    command("verify", RUN, "--salvage", "runs/saved")
    saved = command("resume", "runs/saved")
    assert (saved.code, "kept: 1, going on: 1, to begin: 1" in saved.err) == (0, True), saved.err
    assert command("verify", "runs/saved").code == 0


def test_a_run_that_waited_for_no_disk_says_what_it_lost_and_goes_on(command, cut):
    """The rows of what is gone are kept aside, and their sessions run again."""
    cut("--sync", "none")
    rows = (RUN / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    done = command("resume", RUN)
    assert done.code == 0, done.err
    assert "2 sessions have rows and no end in the journal" in done.err
    assert f"their rows are kept in {LOST.name}" in done.err
    assert LOST.read_bytes() == b"".join(rows[1:])
    assert len((RUN / "trajectories.jsonl").read_bytes().splitlines()) == 3
    assert command("verify", RUN).code == 0


def test_also_where_the_journal_no_longer_says_so(command, cut):
    """What the run was asked tells that it waited for no disk."""
    cut("--sync", "none")
    (segment,) = (RUN / "journal").iterdir()
    segment.write_bytes(b"")
    done = command("resume", RUN)
    assert (done.code, "3 sessions have rows and no end" in done.err) == (0, True), done.err
    assert command("verify", RUN).code == 0
