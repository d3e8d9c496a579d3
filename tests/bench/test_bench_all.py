"""``python -m bench`` asks what is named, prints one table and ends as the answers are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.asking import QUESTIONS

ROOT = Path(__file__).resolve().parents[2]


def run(*typed):
    """Run the command; gives how it ended and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *map(str, typed)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )


def test_every_question_is_a_module_and_every_benchmark_is_asked():
    """A benchmark that nobody asks would rot."""
    assert all(find_spec(f"bench.{name}") for name in QUESTIONS)
    files = {path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "__main__"}
    found = {name for name in files if re.search(r"\btell\(", source(name))}
    assert found - {"answer"} == set(QUESTIONS)


def source(name):
    """Read a module of the folder."""
    return (ROOT / "bench" / f"{name}.py").read_text(encoding="utf-8")


def test_one_quick_question_gives_a_table_and_a_page(tmp_path):
    """The table goes to standard output, what is going on beside it."""
    done = run("mirror", "--quick", "--repeats", "1", "--report", tmp_path / "out.html")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["bench", "figure", "median"]
    assert sum(line.startswith("mirror ") for line in lines) > 10
    assert lines[-1].startswith("0 of 0 budgets are met.")
    assert "mirror took" in done.stderr
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert list(ET.fromstring(page.removeprefix("<!DOCTYPE html>\n")).iter("polyline"))


def test_json_is_one_document_and_nothing_else():
    """Another program can read what is printed, failures included."""
    done = run("mirror", "--quick", "--repeats", "1", "--json")
    document = json.loads(done.stdout)
    assert [answer["bench"] for answer in document["answers"]] == ["mirror"]
    assert document["quick"]
    assert document["failures"] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["nothing"], "there is no 'nothing'; there are turn, journal"),
        (["--repeats", "0"], "--repeats takes 1 or more"),
        (["--report", "no/such/folder/out.html"], "name a file in a folder that is there"),
        (["--json", "--markdown"], "not allowed with"),
    ],
)
def test_what_can_not_be_done_is_told_before_anything_is_measured(typed, said):
    """A report that can't be written costs nobody an hour."""
    done = run(*typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
