"""Help, the version, and usage errors: quick, plain, and on the right stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from compressor.pipeline.options import Options
from hermes_run.cli.help import COMPRESS_GROUPS, GROUPS
from hermes_run.config import Settings
from recorder.version import VERSION

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"aiofiles", "aiohttp", "anyio", "openai", "structlog"}


def test_help_shows_every_setting_with_what_it_does(command):
    """The options come from the settings, and so do their texts."""
    done = command("--help")
    assert done.code == 0
    assert done.err == ""
    for item in fields(Settings):
        assert f"--{item.name.replace('_', '-')}" in done.out
    assert "Sessions in flight at once. [default: 16]" in done.out
    assert "--stream, --no-stream" in done.out
    assert "--no-strict" not in done.out


@pytest.mark.parametrize(("groups", "asked"), [(GROUPS, Settings), (COMPRESS_GROUPS, Options)])
def test_every_option_stands_under_one_heading(groups, asked):
    """A setting without a place in the help would be hard to find."""
    named = " ".join(groups.values()).split()
    assert {item.name for item in fields(asked)} <= set(named)
    assert len(named) == len(set(named))


def test_help_of_compress_has_headings_of_its_own(command):
    """What a name means there decides where it stands, not what it means for a run."""
    sections = command("compress", "--help").out.split("\n\n")
    found = {text.partition(":")[0].strip(): text for text in sections}
    assert not {"Run", "Model", "Limits", "Tools"} & found.keys()
    assert list(found)[2:8] == ["Arguments", *COMPRESS_GROUPS]
    assert "--seed" in found["Rows"]
    assert {"--concurrency", "--base-url"} <= set(found["Summaries"].split())
    assert "--dry-run" in found["Output"]


def test_help_of_a_command_is_about_that_command(command):
    """The options of the main command are left out."""
    done = command("status", "--help")
    assert "--json" in done.out
    assert "--model" not in done.out
    assert "OPENAI_API_KEY" not in done.out


def test_help_is_no_wider_than_it_has_to_be(process, monkeypatch):
    """In a narrow terminal texts wrap, and nothing is drawn around them."""
    monkeypatch.setenv("COLUMNS", "60")
    out, _ = process("--help").communicate()  # a process learns its width once
    lines = out.splitlines()
    assert max(map(len, lines)) <= 60
    assert not any(set("│╭╰─") & set(line) for line in lines)


def test_the_version_is_printed(command):
    """Nothing else is."""
    assert command("--version") == (0, f"{VERSION}\n", "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["p", "--concurency", "3"], "Unknown option: --concurency. Did you mean --concurrency?"),
        (["p", "--concurrency", "many"], 'unable to convert "many" into int'),
        (["p", "--progress", "loud"], 'Choose from: "auto", "rich", "plain", "json", "none"'),
        ([], "PROMPTS requires an argument"),
        (["p", "q", "r"], "this is too much: q r"),
        (["resme", "runs/x"], "there is no command `resme`. Did you mean `resume`?"),
        (["status", "runs/x", "y"], "this is too much for `hermes-run status`: y"),
        (["doctor", "x"], "this is too much for `hermes-run doctor`: x"),
        (["view", "x"], "this version has no command `view` yet"),
        (["status"], "RUN requires an argument"),
        (["p", "--out"], "--out requires an argument"),
        (["p", "--sampling", "5"], "--sampling.temperature 0.7"),
    ],
)
def test_what_was_typed_wrongly_is_said_plainly(command, typed, said):
    """Exit code 2, one sentence and a hint on standard error, no box around them."""
    done = command(*typed)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith("hermes-run: ")
    assert done.err.endswith("`hermes-run --help` lists every option.\n")
    assert len(done.err.splitlines()) == 2


def test_without_a_model_three_lines_say_what_to_do(command, prompts):
    """The embedded model, a server of one's own, a hosted endpoint."""
    done = command(prompts({"prompt": "x"}))
    assert done.code == 2
    assert len(done.err.splitlines()) == 4
    for hint in ("--model simulated", "--base-url http://127.0.0.1:8000/v1", "OPENAI_API_KEY="):
        assert hint in done.err


@pytest.mark.parametrize(
    "typed", [["--help"], ["--version"], ["p", "--no-such-option"], ["p"], ["status", "--help"]]
)
def test_nothing_heavy_is_loaded_before_there_is_something_to_do(typed):
    """Neither the model client nor the event loop is imported."""
    loaded = {name.partition(".")[0] for name in loaded_by(typed)}
    assert "cyclopts" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("command", ["status", "verify", "export"])
def test_who_only_looks_at_a_run_loads_nothing_that_makes_one(command, tmp_path: Path):
    """Neither the engine nor the model client is imported."""
    options = ["--to", "messages", "--out", str(tmp_path / "out")] if command == "export" else []
    loaded = loaded_by([command, str(tmp_path), *options])
    assert f"hermes_run.cli.{command}" in loaded
    assert loaded & {"aiohttp", "hermes_run.run", "openai", "structlog"} == set()


def loaded_by(typed: list[str]) -> set[str]:
    """Give the modules that are there when the command has done what was typed."""
    program = (
        "import json, sys; from hermes_run.cli import main; main(sys.argv[1:]); "
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *typed],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_the_command_is_a_module_too(process):
    """``python -m hermes_run`` gives the exit code of the command."""
    running = process("--concurency")
    out, err = running.communicate()
    assert (running.returncode, out) == (2, "")
    assert "Did you mean --concurrency?" in err
