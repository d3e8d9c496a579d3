"""Every command and every program in the README does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from hermes_run.models.simulated.server import serve

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = ("scripts/demo", "scripts/test")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The command lines of the README, without comments."""
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


def program(command: str) -> list[str]:
    """A command line as this environment runs it."""
    name, *rest = command.split()
    assert name == "hermes-run"
    return [sys.executable, "-m", "hermes_run", *rest]


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """An OpenAI-compatible server, as somebody who reads the README has one."""
    async with serve() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples in it and one run behind it, for copies only."""
    folder = tmp_path_factory.mktemp("one_run")
    (folder / "examples").symlink_to(ROOT / "examples")
    options = ["--model", "simulated", "--name", "NAME", "--limit", "2", "examples/prompts.jsonl"]
    made = [sys.executable, "-m", "hermes_run", *options]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def here(tmp_path: Path, one_run: Path) -> Path:
    """A folder of one's own with the examples in it and one run behind it."""
    return shutil.copytree(one_run, tmp_path, symlinks=True, dirs_exist_ok=True)


def test_the_readme_shows_the_two_commands_of_a_fresh_machine():
    """They are executable, and CI runs them."""
    assert set(SCRIPTS) <= set(commands())
    gates = (ROOT / ".ci" / "run").read_text()
    for script in SCRIPTS:
        assert (ROOT / script).stat().st_mode & 0o111
        assert script in gates


@pytest.mark.parametrize("command", [c for c in commands() if c not in SCRIPTS])
async def test_every_command_of_the_readme_works(command: str, here: Path, endpoint: str):
    """Each ends with 0; the example address stands for a server of one's own."""
    line = program(command.replace("http://127.0.0.1:8000/v1", endpoint))
    with anyio.fail_after(120):
        done = await anyio.run_process(line, cwd=here, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("source", blocks("python"))
def test_every_program_of_the_readme_runs(source: str, tmp_path: Path):
    """Each is a whole program, and leaves a record behind."""
    script = tmp_path / "program.py"
    script.write_text(source)
    line = [sys.executable, str(script)]
    done = subprocess.run(line, cwd=tmp_path, check=False, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    (run,) = (tmp_path / "runs").iterdir()
    assert list((run / "journal").iterdir())


def test_the_row_in_the_readme_is_one_that_can_be_run():
    """It is JSON and has a prompt."""
    (row,) = blocks("json")
    assert json.loads(row)["prompt"]


def test_every_file_the_readme_points_at_is_there():
    """Links and pictures lead somewhere."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
