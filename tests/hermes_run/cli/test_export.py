"""``hermes-run export``: what a person types, sees and finds."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run import run_many
from hermes_run.cli.help import EXPORT_GROUPS
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.tools.schema import tool
from recorder.events import SessionEnded, SessionStarted, timestamp
from recorder.export.options import Options
from recorder.framing import frame, unframe
from recorder.lock import own
from recorder.messages import Message, ToolCall
from recorder.segment import segments


@tool(effect="read")
async def echo(text: str) -> str:
    """Give the text back."""
    return text


async def run_rows(directory: Path) -> None:
    """Run three prompts; the last one fails."""
    call = Reply(calls=(ToolCall("c1", "echo", '{"text": "x"}'),), finish_reason="tool_calls")
    rows = [{"id": name, "prompt": f"Say {name}"} for name in ("a", "b", "c")]
    script = [call, "The key is sk-1234567890", call, "two", call, ""]
    model = Scripted(script)
    made = run_many(rows, model=model, record=directory, tools=[echo], concurrency=1)
    assert len([session async for session in made]) == 3


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody may change."""
    directory = tmp_path_factory.mktemp("template") / "mine"
    anyio.run(run_rows, directory)
    return directory


@pytest.fixture
def run(template: Path, tmp_path: Path) -> Path:
    """A run of three sessions, of which two were completed."""
    shutil.copytree(template, tmp_path / "runs" / "mine")
    return Path("runs/mine")


@pytest.fixture
def export(command: Callable[..., Any], run: Path) -> Callable[..., Any]:
    """Export the run to a folder called `out`."""

    def typed(*options: object, to: str = "hermes") -> Any:
        return command("export", run, "--to", to, "--out", "out", *options)

    return typed


def rows(out: str = "out") -> list[dict[str, Any]]:
    """The rows of an export."""
    (path,) = (Path(out) / "data").iterdir()
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_run_becomes_a_folder_and_the_sum_is_shown(export):
    """The table on standard output, the same numbers in a file."""
    done = export()
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines()] == [
        ["sessions", "3"],
        ["written", "2"],
        ["outcome:model_error", "1", "left", "out:", "--outcome"],
        ["written:", "out"],
    ]
    assert done.err == ""
    assert [row["id"] for row in rows()] == ["a-0", "b-0"]
    balance = json.loads(Path("out/reconciliation.json").read_bytes())
    assert (balance["sessions"], balance["written"], balance["holds"]) == (3, 2, True)
    assert Path("out/README.md").read_text().startswith("---\n")


def test_a_run_on_the_simulated_model_is_exported(command, prompts):
    """Its rows say so, and its tools are in the card."""
    command("--model", "simulated", "--name", "r", prompts({"prompt": "Say hello."}))
    done = command("export", "runs/r", "--to", "messages", "--out", "out", "--licence", "mit")
    assert done.code == 0, done.err
    assert rows()[0]["model"] == "simulated"
    card = Path("out/README.md").read_text()
    assert 'license: "mit"' in card
    assert "- `simulated`: 1 sessions" in card
    assert "- `terminal`: 1 sessions" in card


def test_what_is_asked_of_the_sessions_is_heeded(export):
    """Outcomes by comma or one by one."""
    done = export("--outcome", "completed,model_error", "--best-of-n", 1, "--license", "mit")
    assert done.code == 0, done.err
    assert len(rows()) == 3
    done = export("--overwrite", "--outcome", "model_error", "--outcome", "limit")
    assert [row["id"] for row in rows()] == ["c-0"]
    done = export("--overwrite", "--shard-size", "1rows", "--reasoning", "drop", "--split-turns")
    assert done.code == 0, done.err
    assert len(list(Path("out/data").iterdir())) == 2


def test_keys_of_the_environment_are_masked(export, monkeypatch):
    """Those whose name tells of a secret."""
    monkeypatch.setenv("MY_API_KEY", "sk-1234567890")
    export()
    assert "[REDACTED:MY_API_KEY]" in rows()[0]["conversations"][-1]["value"]
    assert "1 MY" in Path("out/README.md").read_text()


def test_a_damaged_session_is_told_and_costs_no_other(export, run):
    """The exit code says that something is missing."""
    (path,) = segments(run / "journal")
    path.write_bytes(path.read_bytes().replace(b'"text":"two"', b'"text":"tw0"'))
    done = export()
    assert done.code == 3
    assert "  rejected                      1  rejects.jsonl" in done.out
    assert done.out.endswith("rejected: out/rejects.jsonl\n")
    assert "session 'b-0': 00000-" in done.err
    assert "`hermes-run verify`" in done.err
    assert [row["id"] for row in rows()] == ["a-0"]


MEANT = ("export", "runs/mine", "--to", "hermes", "--out", "o")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (MEANT[:2], "--to requires an argument"),
        (MEANT[:4], "--out requires an argument"),
        ((*MEANT[:3], "hermse", *MEANT[4:]), "Did you mean 'hermes'?"),
        (("export", "runs/none", *MEANT[2:]), "runs/none does not exist"),
        (("export", "runs", *MEANT[2:]), "runs/mine: name a directory"),
        ((*MEANT[:5], "runs"), "is no export"),
        ((*MEANT[:5], "runs/mine/o"), "lies in the run"),
        ((*MEANT, "--outcome", "complet"), "Did you mean completed?"),
        ((*MEANT, "--dedup", "nearly"), '"near"'),
        ((*MEANT, "--min-reward", "x"), "as 0.5"),
        ((*MEANT, "--shard-size", "1"), "500MB"),
        ((*MEANT, "--secrets", "no"), "can't be read"),
        ((*MEANT, "--outcome", "limit"), "nothing is left to write"),
        ((*MEANT, "--overwrit"), "--overwrite"),
        (("exprt", "runs/mine"), "Did you mean `export`?"),
    ],
)
def test_what_can_not_be_done_is_told(command, run, typed, said):
    """With what to type instead, and nothing is written."""
    done = command(*typed)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith("hermes-run: ")
    assert sorted(path.name for path in Path().iterdir()) == ["runs"]


def test_an_export_is_replaced_only_where_that_is_asked(export):
    """It may be all there is of something."""
    export()
    done = export()
    assert (done.code, done.out) == (2, "")
    assert "replace it with --overwrite" in done.err
    assert export("--overwrite").code == 0


def test_a_live_run_is_exported_with_partial_only(export, run):
    """The process that owns it is named."""
    with own(run):
        done = export()
        assert done.code == 2
        assert "--partial" in done.err
        assert export("--partial").code == 0


def test_a_folder_that_can_not_be_written_is_told(command, run, tmp_path):
    """With the exit code for that."""
    (tmp_path / "file").write_text("x")
    done = command("export", run, "--to", "hermes", "--out", "file/out")
    assert done.code == 74
    assert "can't be written: Not a directory" in done.err


def test_a_journal_of_a_later_version_is_refused(export, run):
    """Not read in part."""
    (path,) = segments(run / "journal")
    content = path.read_bytes()
    head, _, rest = content.partition(b"\n")
    opened = unframe(head)
    fields_of = {name: getattr(opened, name) for name in opened.__struct_fields__}
    path.write_bytes(frame(type(opened)(**{**fields_of, "schema": 9})) + rest)
    done = export()
    assert done.code == 2
    assert "schema 9" in done.err


def test_help_shows_every_option_under_its_heading(command):
    """With the exit codes below."""
    out = command("export", "--help").out
    for item in fields(Options):
        assert f"--{item.name.replace('_', '-')}" in out
    sections = {text.partition(":")[0].strip(): text for text in out.split("\n\n")}
    assert set(EXPORT_GROUPS) <= sections.keys()
    assert "--license" in sections["Output"]
    assert "--min-reward" in sections["Sessions"]
    assert "Exits with 0" in out
    named = " ".join(EXPORT_GROUPS.values()).split()
    assert {item.name for item in fields(Options)} <= set(named)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_nothing_is_left(process, run, number):
    """The exit code is that of the signal."""
    (path,) = segments(run / "journal")
    content = path.read_bytes()
    head = b"".join(content.splitlines(keepends=True)[:2])
    with path.open("wb") as file:
        file.write(head)
        for n in range(30_000):
            stamp: Any = {"session": f"s{n}", "ts": timestamp(1)}
            asked = (Message("user", "x"),)
            file.write(frame(SessionStarted(**stamp, seq=0, messages=asked)))
            file.write(frame(SessionEnded(**stamp, seq=1, outcome="completed")))
    running = process("export", run, "--to", "messages", "--out", "out")
    until = time.monotonic() + 60
    while not Path(".out.partial/data/train-00000").exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.001)  # asks again, and decides nothing
    running.send_signal(number)
    try:
        _, err = running.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGABRT)  # tells where it stands
        pytest.fail(running.communicate()[1])
    assert running.returncode == 128 + number
    assert err == f"hermes-run: {number.name}: stopped; nothing was written.\n"
    assert [path.name for path in Path().iterdir()] == ["runs"]
