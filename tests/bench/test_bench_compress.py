"""``python -m bench.compress`` measures rows, and prints one line that a program can read."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.answer import Answer

ROOT = Path(__file__).resolve().parents[2]
NONE_OF = ("new_orphans", "new_doubled", "failures_lost", "unsettled", "misread", "longer")
SHARES = ("hit_rate", "kept", "grounding", "held_out_grounding", "error_recall")
OTHERS = ("rows", "over_factor", "fitting", "missed_but_fitting")


def row(name, steps):
    """Make a row of *steps* calls whose results are long and all different."""
    messages = [{"role": "user", "content": f"Fix {name}."}]
    for step in range(steps):
        function = {"name": "cat", "arguments": f'{{"path": "/srv/{name}_{step}.py"}}'}
        call = {"id": f"c{step}", "type": "function", "function": function}
        result = "\n".join(f"{name} {step} line {line}" for line in range(40))
        messages += [
            {"role": "assistant", "content": f"Look at {step}.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{step}", "content": result},
        ]
    return {"id": name, "messages": [*messages, {"role": "assistant", "content": "Done."}]}


@pytest.fixture
def folder(tmp_path):
    """Three rows in a packed file: one fits, two do not."""
    made = [row("small", 1), row("large", 12), row("larger", 16)]
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(one) + "\n" for one in made)
    return tmp_path


def bench(folder, *typed):
    """Run the benchmark on *folder*; gives what its one line says."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.compress", "--rows", folder, "--repeats", "1", *typed],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    (line,) = done.stdout.splitlines()
    return msgspec.json.decode(line, type=Answer)


def test_every_number_of_every_strategy_is_in_one_line(folder):
    """Two of three rows are over the budget and meet it, and nothing is lost that may not be."""
    said = bench(folder, "--budgets", "1500", "--strategies", "ladder", "window")
    assert (said.bench, said.repeats, said.inputs["rows"]) == ("compress", 1, 3)
    assert said.checks.keys() == {"1500"}
    assert said.checks["1500"].keys() == {"ladder", "window", "split"}
    for strategy in ("ladder", "window"):
        numbers = said.checks["1500"][strategy]
        assert numbers.keys() == {*NONE_OF, *SHARES, *OTHERS}
        assert (numbers["rows"], numbers["fitting"], numbers["missed_but_fitting"]) == (2, 2, 0)
        assert [numbers[name] for name in NONE_OF] == [0] * len(NONE_OF)
        assert all(0 <= numbers[name] <= 1 for name in SHARES)
        assert numbers["hit_rate"] == 1
    pieces = said.checks["1500"]["split"]
    assert pieces.keys() == {"rows", "pieces", "over"}
    assert (pieces["rows"], pieces["over"]) == (2, 0)
    assert pieces["pieces"] > 2


def test_what_must_be_none_is_a_budget_and_the_default_has_more(folder):
    """Speeds are measured and bound by nothing; broken promises and missed rows are to be none."""
    said = bench(folder, "--quick", "--budgets", "15250", "--strategies", "ladder", "window")
    figures = {figure.name: figure for figure in said.figures}
    assert figures["ladder to 15,250, rows that fit"].floor
    assert figures["window to 15,250, rows that fit"].budget is None
    assert figures["all to 15,250, broken"].passed
    assert figures["ladder to 15,250, fitting rows that miss it"].passed
    assert figures["window to 15,250, speed"].median > 0


def test_a_folder_without_rows_is_told(tmp_path):
    """Somebody without the rows can still run every benchmark."""
    said = bench(tmp_path)
    assert said.skipped == "there are no rows in the folder"
    assert said.figures == ()
