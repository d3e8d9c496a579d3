"""``--distribution``: each prompt gets its own toolsets, always the same ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.reader import fold_journal

SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "served.py"
MINE = """
[distributions.mine]
terminal = 50
file = 50
search = 30
"""
ROWS = [{"id": f"row-{number}", "prompt": "What is love?"} for number in range(24)]
TOOLS = {"terminal", "process", "read_file", "write_file", "patch", "search_files"}


@pytest.fixture
def draws(command, prompts, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run rows with the distribution ``mine``, and give the rows that come of it by their ids."""
    (tmp_path / "sets.toml").write_text(MINE)
    typed = ["--model", "simulated", "--distribution", "mine", "--toolsets-file", "sets.toml"]

    def run(rows: list[dict[str, Any]], *more: object, name: str = "r") -> dict[str, Any]:
        done = command(*typed, "--name", name, *more, prompts(*rows))
        assert done.code == 0, done.err
        lines = (tmp_path / "runs" / name / "trajectories.jsonl").read_text().splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}

    return run


def test_each_prompt_gets_toolsets_of_its_own(draws, tmp_path: Path):
    """They stand in its row, and what they were drawn from in its record."""
    rows = draws(ROWS, "--samples", 2)
    drawn = {name: tuple(row["toolsets_used"]) for name, row in rows.items()}
    assert len(set(drawn.values())) >= 4
    assert all(drawn[f"row-{n}-0"] == drawn[f"row-{n}-1"] for n in range(24))
    sessions = fold_journal(tmp_path / "runs" / "r" / "journal").sessions
    seeds = {one.started.draw_seed for one in sessions.values() if one.started}
    assert len(seeds) == 24
    for name, toolsets in drawn.items():
        had = {tool["function"]["name"] for tool in sessions[name].tools}
        assert ("terminal" in had) == ("terminal" in toolsets)
        assert ("write_file" in had) == ("file" in toolsets)


def test_the_same_prompt_gets_the_same_whatever_is_run_beside_it(draws):
    """In another order, with other rows, and with another number of sessions at once."""
    first = draws(ROWS, "--concurrency", 8)
    again = draws([*reversed(ROWS[3:20]), {"prompt": "x"}], "--concurrency", 1, name="again")
    other = draws(ROWS, "--seed", 1, name="other")
    used = {name: row["toolsets_used"] for name, row in first.items()}
    assert [again[f"row-{n}-0"]["toolsets_used"] for n in range(3, 20)] == [
        used[f"row-{n}-0"] for n in range(3, 20)
    ]
    assert used != {name: row["toolsets_used"] for name, row in other.items()}


def test_all_rows_of_a_run_have_statistics_of_all_its_tools(draws):
    """Also of those that a session did not get: tables need one schema."""
    rows = draws([*ROWS[:6], {"id": "own", "prompt": "x", "toolsets": ["search"]}])
    keys = {frozenset(row["tool_stats"]) for row in rows.values()}
    assert len(keys) == 1
    assert next(iter(keys)) >= TOOLS
    assert keys == {frozenset(row["tool_error_counts"]) for row in rows.values()}


def test_what_a_row_names_wins_over_the_draw(draws, tmp_path: Path):
    """Its toolsets, or its tools, of all that the run has."""
    rows = draws(
        [
            {"id": "sets", "prompt": "x", "toolsets": ["search"]},
            {"id": "none", "prompt": "x", "toolsets": []},
            {"id": "tools", "prompt": "x", "tools": ["terminal", "patch"]},
        ]
    )
    used = {name: row["toolsets_used"] for name, row in rows.items()}
    assert used == {"sets-0": ["search"], "none-0": [], "tools-0": []}
    sessions = fold_journal(tmp_path / "runs" / "r" / "journal").sessions
    had = {n: [t["function"]["name"] for t in one.tools] for n, one in sessions.items()}
    assert had == {"sets-0": ["search_files"], "none-0": [], "tools-0": ["terminal", "patch"]}
    assert all(one.started and one.started.draw_seed is None for one in sessions.values())


def test_a_row_that_asks_for_what_nothing_backs_is_rejected(draws, tmp_path: Path):
    """With the reason; the others are run."""
    draws([{"prompt": "x"}, {"prompt": "x", "toolsets": ["browser"]}])
    (listed,) = (tmp_path / "runs" / "r" / "rejects.jsonl").read_text().splitlines()
    assert "nothing backs browser" in json.loads(listed)["reason"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--distribution", "research"], ["nothing backs browser, vision, moa", "--network host"]),
        (["--distribution", "reserch"], ["Did you mean 'research'?"]),
        (["--distribution", "safe", "--toolsets", "file"], ["leave one of the two out"]),
        (["--toolsets", "file,vision"], ["nothing backs vision", '{"vision": {"command"']),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_can_not_be_drawn_is_refused_before_anything_is_spent(
    command, prompts, typed, said, dry
):
    """The endpoint, which does not answer, is not even looked for."""
    model = ["--model", "m", "--base-url", "http://127.0.0.1:1/v1"]
    done = command(*model, *typed, *dry, prompts({"prompt": "x"}))
    assert done.code == 2
    for words in said:
        assert words in done.err
    assert not Path("runs").exists()


def test_a_dry_run_says_what_is_drawn(command, prompts, tmp_path: Path):
    """With percentages, and the tools behind each."""
    (tmp_path / "sets.toml").write_text(MINE)
    typed = ["--model", "simulated", "--distribution", "mine", "--toolsets-file", "sets.toml"]
    done = command(*typed, "--dry-run", prompts({"prompt": "x"}))
    assert "drawn:     from mine, for each prompt" in done.out
    assert "toolset:   search (30 %): search_files" in done.out


@pytest.mark.parametrize(
    ("text", "typed", "said"),
    [
        (MINE.replace("30", "31"), [], "odds: {'search': {'percent': 30"),
        (MINE + "default = 0", [], "odds"),
        (MINE + "[toolsets.search]\ntools = ['read_file']", [], "odds: {'search'"),
        (MINE, ["--seed", 5], "seed: 0 is now 5"),
        (MINE, ["--distribution", "terminal_only"], "distribution: 'mine' is now 'terminal_only'"),
        (MINE, ["--network", "host"], "network: 'none' is now 'host'"),
        (f"# moved\n{MINE}[toolsets.more]\nincludes = ['file']", [], ""),
    ],
)
def test_a_run_goes_on_only_with_the_draws_that_it_was_begun_with(
    command, draws, tmp_path: Path, text, typed, said
):
    """The percentages, the tools behind them and the seed; how the file is written is free."""
    draws(ROWS[:3])
    (tmp_path / "sets.toml").write_text(text)
    done = command("resume", "runs/r", "--samples", 2, *typed)
    assert done.code == (2 if said else 0), done.err
    assert said in done.err
    if not said:
        assert len((tmp_path / "runs/r/trajectories.jsonl").read_text().splitlines()) == 6


@pytest.mark.slow
def test_a_server_backs_what_a_distribution_draws(command, prompts, tmp_path: Path):
    """Its tools are what the sessions get; a server that no prompt gets is said."""
    pytest.importorskip("mcp")
    served = {"command": sys.executable, "args": [str(SERVER), "stdio"], "tools": ["echo"]}
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"browser": served, "idle": served}}))
    typed = ["--model", "simulated", "--distribution", "browser_only", "--mcp", file, "--name", "r"]
    done = command(*typed, prompts({"id": "a", "prompt": "What is love?"}))
    assert done.code == 0, done.err
    assert "no prompt gets the tools of the MCP server idle" in done.err
    assert "server browser unless" not in done.err
    (session,) = fold_journal(tmp_path / "runs/r/journal").sessions.values()
    assert session.started
    assert session.started.toolsets == ("browser",)
    assert [tool["function"]["name"] for tool in session.tools] == ["browser_echo"]
    assert command("resume", "runs/r", "--samples", 2).code == 0


def test_tools_of_ones_own_are_found_again_where_the_run_was_begun(
    command, prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The run goes on from another folder, with the tools of the file as they are now."""
    file = tmp_path / "drawn_tools.py"
    file.write_text("def loose(text: str) -> str:\n    return text\n")
    typed = ["--model", "simulated", "--tools", "drawn_tools.py:loose", "--name", "r"]
    assert command(*typed, prompts({"prompt": "What is love?"})).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command("resume", "../runs/r", "--samples", 2).code == 0
    for session in fold_journal(tmp_path / "runs/r/journal").sessions.values():
        assert "loose" in [tool["function"]["name"] for tool in session.tools]
    file.unlink()
    done = command("resume", "../runs/r", "--samples", 3)
    assert done.code == 2
    assert "drawn_tools.py" in done.err
