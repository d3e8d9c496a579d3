"""A run whose run.json is damaged is saved into one that can go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RUN, SAVED = Path("runs/mine"), Path("runs/saved")


@pytest.mark.parametrize("content", [b"{half", b"[1]", b"{}", b"\xff"])
def test_a_run_json_that_cannot_be_read_is_made_again(begin, command, endpoint, prompts, content):
    """From the journal as far as it tells; the rest is typed again, and nothing is asked twice."""
    begin(
        "ab",
        "--sampling.temperature",
        0.5,
        "--reasoning-effort",
        "high",
        "--toolsets",
        "file",
        broken="b",
    )
    (RUN / "run.json").write_bytes(content)
    if content in (b"{half", b"\xff"):
        advised = f"`hermes-run verify {RUN} --salvage OUT`, then resume OUT"
        assert advised in " ".join(command("resume", RUN).err.split())
    done = command("verify", RUN, "--salvage", SAVED)
    assert "run.json could not be read; a new one has" in done.out
    assert f"hermes-run resume {SAVED} --prompts FILE" in done.out
    remade = json.loads((SAVED / "run.json").read_bytes())
    assert remade["settings"] == {
        "model": "m",
        "toolsets": ["file"],
        "sampling": {"temperature": 0.5},
        "reasoning_effort": "high",
    }
    assert command("verify", SAVED).code == 0
    assert "the run does not say where its prompts are" in command("resume", SAVED).err
    typed = ["--base-url", endpoint.url, "--no-stream", "--prompts", "prompts.jsonl"]
    done = command("resume", SAVED, *typed)
    assert done.code == 0, done.err
    assert "2 sessions: 2 completed" in done.err
    assert endpoint.prompts == ["b"]
    assert endpoint.asked[0]["reasoning_effort"] == "high"
    assert command("verify", SAVED).code == 0


def test_a_run_in_which_nothing_began_says_only_its_name(begin, command):
    """There is nothing else in its journal."""
    begin("a")
    (segment,) = (RUN / "journal").iterdir()
    segment.write_bytes(segment.read_bytes().split(b"\n")[0] + b"\n")
    for name in ("run.json", "trajectories.jsonl", "statistics.json"):
        (RUN / name).write_bytes(b"")
    command("verify", RUN, "--salvage", SAVED)
    remade = json.loads((SAVED / "run.json").read_bytes())
    assert (bool(remade["run"]), remade["settings"]) == (True, {})
