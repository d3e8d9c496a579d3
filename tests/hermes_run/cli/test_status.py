"""``hermes-run status``: read off the journal, whatever state it is in."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from aiohttp import web

from hermes_run.cli.status import fold_once, read_status
from recorder.reader import read


@pytest.fixture
def ended(command, prompts) -> Path:
    """A run of three rows, one of which could not be used."""
    path = prompts({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y"}, "{bad")
    assert command("--model", "simulated", "--samples", 2, "--name", "mine", path).code == 0
    return Path("runs/mine")


def segment(directory: Path) -> Path:
    """The only journal file of a run."""
    (path,) = (directory / "journal").iterdir()
    return path


def test_an_ended_run_has_nothing_left(command, ended):
    """Rows, rejects, outcomes, pace, tokens, tools."""
    done = command("status", ended)
    assert done.code == 0
    for said in (
        "run:      runs/mine, ended\n",
        "sessions: 3 rows, 1 rejected: 4 completed, 0 not ended\n",
        "sessions/min",
        "cost unknown (no prices)",
        "tools:    no calls yet\n",
        "failures: none\n",
    ):
        assert said in done.out
    assert "resume" not in done.out


def test_the_same_for_programs(command, ended):
    """One JSON object."""
    status = json.loads(command("status", ended, "--json").out)
    assert (status["state"], status["pid"]) == ("ended", None)
    assert (status["rows"], status["rejected"], status["total"], status["left"]) == (3, 1, 4, 0)
    assert status["statistics"]["outcomes"] == {"completed": 4}
    assert status["torn"] == []


def test_a_running_run_is_not_disturbed(process, command, prompts, serve, reply):
    """Its process is named, what it has done is counted, and it goes on."""
    asked, release = threading.Event(), threading.Event()

    async def answer(request: web.Request) -> web.Response:
        if "second" in (await request.json())["messages"][-1]["content"]:
            asked.set()
            await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)
        return reply()

    path = prompts({"prompt": "first"}, {"prompt": "second"}, {"prompt": "third"})
    typed = ["--model", "m", "--base-url", serve(answer), "--no-stream", "--concurrency", 1]
    running = process(*typed, "--name", "mine", path)
    assert asked.wait(30)
    done = command("status", "runs/mine")
    status = json.loads(command("status", "runs/mine", "--json").out)
    release.set()
    _, err = running.communicate(timeout=30)
    assert f"runs/mine, running in process {running.pid}\n" in done.out
    assert "3 rows, 0 rejected: 1 completed, 2 not ended" in done.out
    assert "resume" not in done.out
    assert (status["state"], status["pid"], status["left"]) == ("running", running.pid, 2)
    assert running.returncode == 0
    assert "3 sessions: 3 completed" in err


def test_a_torn_tail_is_skipped_and_said(command, ended):
    """A run whose process is gone, and what would go on with it."""
    path = segment(ended)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    done = command("status", ended)
    assert done.code == 0
    assert "stopped before its end" in done.out
    assert f"torn:     {path.name} ends in" in done.out
    assert done.out.endswith("next:     hermes-run resume runs/mine\n")


def test_a_damaged_journal_is_said_and_not_counted(command, ended):
    """The file and the line are named."""
    path = segment(ended)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"seq":0', b'"seq":9')
    path.write_bytes(b"".join(lines))
    done = command("status", ended)
    assert (done.code, done.out) == (1, "")
    assert f"the journal of runs/mine is damaged: {path.name}, line 3" in done.err


def test_facts_that_were_written_twice_count_once(ended):
    """A disk that fills up leaves the same facts in two segments."""
    path = segment(ended)
    lines = path.read_bytes().splitlines(keepends=True)
    again = path.with_name("00001-ab.jsonl")
    again.write_bytes(b"".join([lines[0], *lines[-4:]]))
    fold, torn = fold_once(read(ended / "journal"))
    assert fold.value().outcomes == {"completed": 4}
    assert torn == []


def test_sessions_that_failed_would_be_tried_again(command, prompts, serve):
    """The way on is said for an ended run, too."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no"}}, status=400)

    typed = ["--model", "m", "--base-url", serve(answer), "--name", "mine"]
    assert command(*typed, prompts({"prompt": "x"})).code == 3
    done = command("status", "runs/mine")
    assert "runs/mine, ended" in done.out
    assert "failures: 1 bad_request" in done.out
    assert done.out.endswith("next:     hermes-run resume runs/mine\n")


def test_a_record_of_another_program_has_no_rows(ended):
    """Without run.json nobody knows what is left; what is open is known."""
    (ended / "run.json").unlink()
    (ended / "rejects.jsonl").unlink()
    status = read_status(ended)
    assert (status.rows, status.total, status.left, status.rejected) == (None, None, 0, 0)
    (ended / "run.json").write_text("{half")
    assert read_status(ended).total is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "nowhere does not exist: name a run directory"),
        (".", "holds no run: name a directory with a journal folder"),
        ("runs", "there are runs in it, as runs/mine"),
    ],
)
def test_a_directory_without_a_run_is_refused(command, ended, name, said):
    """Where runs are near, one of them is named."""
    done = command("status", name)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_record_that_cannot_be_read_is_no_traceback(command, ended):
    """The system's own words are passed on."""
    (ended / "journal" / "00001-ab.jsonl").mkdir()
    done = command("status", ended)
    assert (done.code, done.out) == (2, "")
    assert "the journal can't be read: [Errno 21] Is a directory" in done.err
