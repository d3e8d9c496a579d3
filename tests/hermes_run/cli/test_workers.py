"""``--workers``: several processes run the sessions, and everything else is as with one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from recorder.reader import fold_journal

ROWS = [{"id": f"row-{number}", "prompt": "What is love?"} for number in range(12)]
SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "served.py"
SETS = """
[distributions.mine]
terminal = 50
file = 50
search = 30
"""
TWO = ("--workers", 2, "--concurrency", 8)


# --- what is typed


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--workers", 0], "--workers must be more than 0, not 0"),
        (
            ["--workers", 3, "--concurrency", 2],
            "--workers 3 are more than --concurrency 2: each needs a session to run",
        ),
    ],
)
def test_what_can_not_be_is_refused(command, prompts, typed, said):
    """Nothing is begun."""
    done = command("--model", "simulated", *typed, prompts(*ROWS))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not Path("runs").exists()


def test_a_dry_run_says_in_how_many_processes(command, prompts):
    """And with one it says nothing of processes."""
    typed = ["--model", "simulated", "--dry-run", prompts(*ROWS), "--concurrency", 8]
    assert "at once:   8 in 2 processes\n" in command(*typed, "--workers", 2).out
    assert "at once:   8\n" in command(*typed).out


def test_help_has_it(command):
    """Under what a run is about."""
    assert "--workers" in command("--help").out


# --- what comes of it


@pytest.mark.slow
def test_rows_draws_samples_and_rejects_are_those_of_one_process(
    command, prompts, sound, tmp_path, written
):
    """Whoever runs a session: its tools, its place and its row are the same."""
    (tmp_path / "sets.toml").write_text(SETS)
    own = [{"id": "own", "prompt": "x", "toolsets": ["file"]}, {"id": "odd", "prompt": "\ud800 x"}]
    path = prompts(*ROWS[:6], "no JSON", *own, {"id": "bad", "prompt": "x", "tools": ["nothing"]})
    typed = ["--model", "simulated", "--distribution", "mine", "--toolsets-file", "sets.toml"]
    typed += ["--samples", 2, "--limit", 10, "--concurrency", 8]
    runs = {}
    for workers in (1, 2):
        name = f"with-{workers}"
        done = command(*typed, "--name", name, "--workers", workers, path)
        assert done.code == 0, done.err
        assert "2 rows rejected" in done.err
        assert len((tmp_path / "runs" / name / "rejects.jsonl").read_text().splitlines()) == 2
        sound(f"runs/{name}")
        runs[workers] = written(f"runs/{name}")
        sessions = fold_journal(Path(f"runs/{name}/journal")).sessions.values()
        seeds = {one.started.prompt_key: one.started.draw_seed for one in sessions if one.started}
        runs[f"seeds of {workers}"] = seeds
    assert runs["seeds of 1"] == runs["seeds of 2"]
    assert len(runs[2]) == 16
    alike = ("toolsets_used", "prompt_index", "sample", "conversations", "tool_stats", "outcome")
    for name, row in runs[1].items():
        assert {key: runs[2][name][key] for key in alike} == {key: row[key] for key in alike}
    assert len({tuple(row["toolsets_used"]) for row in runs[2].values()}) > 2


def test_progress_has_the_totals_of_all_processes(command, prompts, sound):
    """In every line, and the report."""
    typed = ["--model", "simulated", "--name", "mine", "--progress", "json", *TWO]
    done = command(*typed, prompts(*ROWS))
    assert done.code == 0, done.err
    *_, last, report = [json.loads(line) for line in done.err.splitlines() if line[0] == "{"]
    assert report["report"]["statistics"]["outcomes"] == {"completed": 12}
    assert (last["total"], last["statistics"]["outcomes"]) == (12, {"completed": 12})
    assert last["statistics"]["replies"] == report["report"]["statistics"]["replies"]
    assert (last["unsynced"], last["paused"]) == (0, None)
    assert len(list(Path("runs/mine/journal").iterdir())) == 3
    sound("runs/mine")


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(1, 2), (3, 2)])
def test_a_run_goes_on_in_another_number_of_processes(command, prompts, sound, numbers, written):
    """How many there are is no part of what a run is."""
    before, after = numbers
    typed = ["--model", "simulated", "--name", "mine", "--concurrency", 8, "--workers", before]
    assert command(*typed, "--samples", 1, prompts(*ROWS)).code == 0
    done = command("resume", "runs/mine", "--samples", 2, "--workers", after)
    assert done.code == 0, done.err
    assert len(written("runs/mine")) == 24
    sound("runs/mine")


OWN = """
import os, sys
from hermes_run import tool

is_worker = sys.modules["__main__"].__spec__.name.startswith("hermes_run.workers")

@tool(effect="read")
async def where() -> str:
    '''Say which process this is, and in which module it began.'''
    return f"worker {is_worker}"
"""


def results_in(row: dict[str, Any]) -> str:
    """Give what the tools of a row said."""
    return "".join(turn["value"] for turn in row["conversations"] if turn["from"] == "tool")


def test_tools_of_ones_own_run_in_the_workers(process, prompts, calling, sound, tmp_path, written):
    """They are loaded there, from where the run was begun."""
    (tmp_path / "mine.py").write_text(OWN)
    typed = ["--model", "m", "--base-url", calling("where"), "--no-stream", "--name", "mine"]
    running = process(*typed, "--tools", "mine:where", *TWO, prompts(*ROWS))
    err = running.communicate(timeout=120)[1]
    assert running.returncode == 0, err
    rows = written("runs/mine").values()
    assert ["worker True" in results_in(row) for row in rows] == [True] * 12
    sound("runs/mine")


@pytest.mark.slow
def test_servers_of_tools_serve_the_workers(command, prompts, calling, sound, tmp_path, written):
    """Each worker has its own."""
    servers = {
        "mcpServers": {"served": {"command": sys.executable, "args": [str(SERVER), "stdio"]}}
    }
    (tmp_path / "mcp.json").write_text(json.dumps(servers))
    url = calling("pid")
    typed = ["--model", "m", "--base-url", url, "--no-stream", "--name", "mine"]
    done = command(*typed, "--mcp", "mcp.json", "--toolsets", "served", *TWO, prompts(*ROWS))
    assert done.code == 0, done.err
    counts = [row["tool_stats"]["pid"] for row in written("runs/mine").values()]
    assert counts == [{"count": 1, "success": 1, "failure": 0}] * 12
    sound("runs/mine")
