"""``hermes-run verify``: a run that is sound says so, and one that is not says where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import recorder
from hermes_run import run_many
from hermes_run.cli.verify import verify
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.tools.schema import tool
from recorder.lock import own
from recorder.messages import ToolCall
from recorder.reader import fold_journal
from recorder.segment import segments


@tool(effect="read")
async def echo(text: str) -> str:
    """Give the text back."""
    return text


async def run_rows(directory: Path) -> None:
    """Run three rows, one of which can't be used, two samples each; one sample fails."""
    call = Reply(
        calls=(ToolCall("call_1", "echo", '{"text": "\u2028"}'),), finish_reason="tool_calls"
    )
    script = [call, "one", call, "two", call, "three", call, ""]
    rows = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y", "tools": ["echo"]}, {"id": 3}]
    sessions = run_many(
        rows, model=Scripted(script), record=directory, tools=[echo], samples=2, concurrency=1
    )
    assert len([session async for session in sessions]) == 4
    path = directory / "run.json"
    asked = json.loads(path.read_bytes())
    path.write_text(json.dumps({**asked, "prompts": {"path": "p.jsonl", "rows": 3}}))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run that nobody may change."""
    directory = tmp_path_factory.mktemp("template") / "mine"
    anyio.run(run_rows, directory)
    return directory


@pytest.fixture
def run(template: Path, tmp_path: Path) -> Path:
    """A sound run."""
    shutil.copytree(template, tmp_path / "runs" / "mine")
    return Path("runs/mine")


@pytest.fixture
def change(run: Path) -> Callable[..., None]:
    """Change what run.json says."""

    def changed(**keys: Any) -> None:
        path = run / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **keys}))

    return changed


def journal(directory: Path) -> Path:
    """The only segment of a run."""
    (path,) = segments(directory / "journal")
    return path


def damage(directory: Path) -> None:
    """Change a fact of the first session without its checksum."""
    path = journal(directory)
    path.write_bytes(path.read_bytes().replace(b'"text":"one"', b'"text":"eno"'))


def test_a_sound_run_is_told_check_by_check(command, run):
    """With the sum, as one that can be added up."""
    done = command("verify", run)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "runs/mine: sound"
    assert all(line.split()[1] == "ok" for line in lines[1:])
    assert lines[-1].endswith(
        "(3 rows - 1 rejected) x 2 = 3 completed + 1 model_error + 0 not started"
    )


def test_a_program_gets_one_object(command, run):
    """Every check, every count, the sum and the faults."""
    found = json.loads(command("verify", run, "--json").out)
    assert found["sound"] is True
    assert set(found["checks"].values()) == {True}
    assert found["sum"] == {
        "rows": 3,
        "rejected": 1,
        "samples": 2,
        "gone": 0,
        "begun": 4,
        "not_started": 0,
    }
    assert (found["faults"], found["fault_counts"], found["salvaged"]) == ([], {}, None)


def test_faults_are_located_and_the_exit_code_is_1(command, run):
    """The line, the session it is missing in, and how to save the rest."""
    damage(run)
    done = command("verify", run)
    assert done.code == 1
    assert done.out.startswith("runs/mine: NOT SOUND\n")
    assert f"lines: {journal(run).name}, line " in done.out
    assert "the checksum does not match" in done.out
    assert "order: " in done.out
    assert "session 'a-0': session 'a-0' has seq 5 where 4 is due" in done.out
    assert "1 damaged" in done.out
    assert "1 of damaged sessions, not compared" in done.out
    assert done.out.endswith("saved by: hermes-run verify runs/mine --salvage OUT\n")
    found = json.loads(command("verify", run, "--json").out)
    assert (found["sound"], found["checks"]["lines"], found["checks"]["rows"]) == (
        False,
        False,
        True,
    )
    assert found["cuts"]["a-0"]["kept"] == 4


def test_of_many_faults_the_first_are_shown(command, run):
    """A screen has an end; the count does not."""
    with journal(run).open("ab") as file:
        file.write(b"garbage\n" * 150)
    done = command("verify", run)
    assert done.out.count("the checksum does not match") == 20
    assert "lines: and 130 more\n" in done.out


def test_what_is_hostile_in_a_file_never_reaches_the_terminal(command, run):
    """Names of sessions come from input rows."""
    with (run / "trajectories.jsonl").open("a") as file:
        file.write(json.dumps({"id": "\x1b[2J\u202e"}) + "\n")
    done = command("verify", run)
    assert done.code == 1
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_a_damaged_run_is_saved_into_a_new_one(command, run):
    """It verifies, says what it lacks, and can be read like any other."""
    damage(run)
    done = command("verify", run, "--salvage", "runs/saved")
    assert done.code == 1
    assert "saved to runs/saved: " in done.out
    assert "session 'a-0': kept to fact 4: " in done.out
    verified = command("verify", "runs/saved")
    assert verified.code == 0
    assert "= 2 completed + 1 model_error + 1 not ended + 0 not started" in verified.out
    assert command("status", "runs/saved").code == 0
    assert (Path("runs/saved") / "rejects.jsonl").read_bytes() == (
        run / "rejects.jsonl"
    ).read_bytes()
    report = json.loads((Path("runs/saved") / "salvage.json").read_bytes())
    assert [short["session"] for short in report["shortened"]] == ["a-0"]
    assert report["copied"] == ["run.json", "rejects.jsonl"]


def test_a_lost_declaration_is_made_up_for_by_what_the_run_was_asked(command, run):
    """The tools stand in run.json, too, and their hash tells that they are those."""
    path = journal(run)
    lines = [line for line in path.read_bytes().split(b"\n") if b"tools_declared" not in line]
    path.write_bytes(b"\n".join(lines))
    verified = verify(run, Path("runs/saved"))
    assert verified.fault_counts == {"tools": 1}
    assert verify(Path("runs/saved")).sound
    sessions = fold_journal(Path("runs/saved/journal")).sessions.values()
    assert [len(session.tools) for session in sessions] == [1] * 4


def test_of_many_sessions_that_were_cut_the_first_are_shown(command, tmp_path):
    """The file beside what was saved has all; here nobody knows the tools they refer to."""

    async def record() -> None:
        async with recorder.open(tmp_path / "theirs") as opened:
            for number in range(25):
                async with opened.session(prompt="x", tools=[{"name": "f"}], id=str(number)):
                    pass

    anyio.run(record)
    (tmp_path / "theirs" / "run.json").write_text('{"tools": "?"}')
    path = journal(tmp_path / "theirs")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if b"tools_declared" not in line))
    done = command("verify", tmp_path / "theirs", "--salvage", tmp_path / "saved")
    assert "0 facts of 0 sessions, 0 rows" in done.out
    assert done.out.count(": left out: ") == 20
    assert done.out.endswith("  and 5 more, in salvage.json\n")
    assert len(json.loads((tmp_path / "saved" / "salvage.json").read_bytes())["shortened"]) == 25


@pytest.mark.parametrize(
    ("keys", "sound", "said"),
    [
        ({"prompts": {}}, True, "not weighed: run.json does not say how many rows came in"),
        ({"prompts": {"rows": True}}, True, "not weighed"),
        ({"prompts": {"rows": -1}}, True, "not weighed"),
        ({"prompts": {"rows": 2}}, False, "sum: there are 2 more sessions than the rows"),
        ({"prompts": {"rows": 0}}, False, "sum: 1 rows were rejected, and only 0 came in"),
        ({"prompts": {"rows": 9}}, True, "(9 rows - 1 rejected) x 2 = "),
        ({"resumed": [{"at": ""}]}, True, "(3 rows - 1 rejected) x 2 = "),
        ({"prompts": {"rows": 2}, "resumed": [{"at": ""}]}, True, "went on with rows"),
        ({"resumed": [{"rows": 2, "sessions_of_rows_gone": 2}]}, True, "+ 2 of rows that are gone"),
        ({"resumed": [{"rows": 3, "samples": 4}]}, True, "x 4 = "),
        ({"settings": {}}, False, "there are 2 more sessions"),
    ],
)
def test_the_sum_is_weighed_where_rows_are_counted(command, run, change, keys, sound, said):
    """Rows that came in, samples, what went on, and what is gone."""
    change(**keys)
    done = command("verify", run)
    assert done.code == (0 if sound else 1)
    assert said in done.out


@pytest.mark.parametrize(("content", "code"), [(b"{half", 1), (b"[]", 0), (b"\xff", 1)])
def test_a_run_json_that_can_not_be_read_is_a_fault(command, run, content, code):
    """Without it the sum is left out, and said to be."""
    (run / "run.json").write_bytes(content)
    done = command("verify", run)
    assert done.code == code
    assert "not weighed: run.json does not say" in done.out


def test_rejects_are_read_line_by_line(command, run):
    """Equal ones count once, a torn tail is none, and anything else is a fault."""
    path = run / "rejects.jsonl"
    (reject,) = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(reject * 2 + b'{"line": 4')
    assert command("verify", run).code == 0
    path.write_bytes(reject + b"garbage\n[]\n")
    done = command("verify", run)
    assert done.code == 1
    assert f"sum: rejects.jsonl, line 2, byte {len(reject)}: this is no rejected row" in done.out


def test_a_record_of_another_program_has_no_sum(command, tmp_path):
    """Everything else is checked all the same."""

    async def record() -> None:
        async with (
            recorder.open(tmp_path / "theirs") as opened,
            opened.session(prompt="x", id="s") as session,
        ):
            await session.model_replied(text="y")

    anyio.run(record)
    done = command("verify", tmp_path / "theirs")
    assert done.code == 0
    assert "1 completed; not weighed: there is no run.json" in done.out


def test_a_live_run_may_be_verified(command, run):
    """What is in flight, or a moment late, is no fault."""
    path = journal(run)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'{"event":"session_ended"') + 9])
    lines = (run / "failed_trajectories.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 1
    (run / "failed_trajectories.jsonl").write_bytes(b"")
    rows = (run / "trajectories.jsonl").read_bytes().split(b"\n")
    (run / "trajectories.jsonl").write_bytes(b"\n".join([*rows[:-2], b""]))
    with own(run.absolute()):
        done = command("verify", run)
    assert done.code == 0
    assert done.out.startswith("runs/mine: sound, running in process ")
    assert "; 1 late" in done.out
    assert "+ 1 not ended +" in done.out


def test_nothing_is_no_run(command, tmp_path):
    """Usage, and so the exit code."""
    done = command("verify", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "holds no run" in done.err


@pytest.mark.parametrize(
    ("out", "said"), [("runs", "is there already"), ("runs/mine/saved", "lies in the run")]
)
def test_nothing_is_saved_over_something(command, run, out, said):
    """Neither over what there is nor into the run itself."""
    done = command("verify", run, "--salvage", out)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_run_that_can_not_be_read_is_no_traceback(command, run):
    """The system's own words are passed on."""
    (run / "run.json").unlink()
    (run / "run.json").mkdir()
    done = command("verify", run)
    assert (done.code, done.out) == (2, "")
    assert "the run can't be read: [Errno 21] Is a directory" in done.err


def cuts(path: Path) -> Iterator[bytes]:
    """What a file is when it is cut at some places."""
    content = path.read_bytes()
    return (content[:size] for size in range(0, len(content), 97))


def test_a_run_cut_anywhere_is_seen_and_can_be_saved(run):
    """Its journal, cut at many places: never an exception, and what is saved is sound."""
    path, meaning = journal(run), fold_journal(run / "journal").sessions
    for number, content in enumerate(cuts(path)):
        path.write_bytes(content)
        verified = verify(run, Path(f"runs/saved-{number}"))
        assert not verified.sound
        saved = verify(Path(f"runs/saved-{number}"))
        assert saved.sound
        kept = fold_journal(Path(f"runs/saved-{number}/journal")).sessions
        assert kept.keys() <= meaning.keys()
