"""Before a session goes on: the lock, a look at what was, refusals, the fence, the endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_run.recovery import UNKNOWN_TEXT
from recorder.events import SessionEnded

RUN = Path("runs/mine")
UNKNOWN = json.loads(UNKNOWN_TEXT)["error"]
CUT = {
    "snapshot": ("x\n", "x\n"),
    "keep": (UNKNOWN, "x\n"),
    "fresh": (UNKNOWN, "cat: log: No such file or directory\n"),
}
"""What the model is told of a command that had added "x" to a file, and what is in the file."""


def damage() -> None:
    """Change one letter in the middle of the journal."""
    (segment,) = (RUN / "journal").iterdir()
    content = segment.read_bytes()
    place = content.index(b'"prompt_key"')
    segment.write_bytes(content[:place] + b'"prompt_kex"' + content[place + 12 :])


def test_a_run_that_is_running_is_refused_before_anything_is_looked_at(
    process, prompts, resume, endpoint, wait
):
    """The process that has it is named, and nothing else that might be wrong."""
    endpoint.answers["a"] = [None]
    path = prompts({"id": "a", "prompt": "a"})
    typed = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name, "--no-stream"]
    running = process(*typed, path)
    wait(running, lambda: endpoint.asked)
    path.unlink()
    done = resume("--model", "another")
    assert (done.code, done.out) == (2, "")
    assert f"runs/mine is in use by process {running.pid}: wait for it to end" in done.err
    assert "another" not in done.err
    assert "prompts.jsonl" not in done.err
    assert running.poll() is None


@pytest.mark.parametrize("typed", [(), ("--model", "n", "--allow-drift")])
def test_a_journal_that_is_damaged_is_refused_with_what_to_type(
    begin, resume, endpoint, tree, typed
):
    """Exit code 1; no setting weighs more than that."""
    begin("ab", broken="b")
    damage()
    before = tree()
    done = resume(*typed)
    assert (done.code, done.out, endpoint.asked) == (1, "", [])
    assert "the journal of runs/mine is damaged" in done.err
    assert "Nothing was asked and nothing was changed" in done.err
    assert "--salvage OUT" in done.err
    assert tree() == before


def test_a_tail_that_was_torn_is_skipped_and_said(begin, resume, endpoint, tree):
    """It was never promised; the segment stays as the crash left it."""
    begin("ab", broken="b")
    (segment,) = (RUN / "journal").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"half')
    torn = segment.read_bytes()
    done = resume()
    assert done.code == 0, done.err
    assert "1 torn tail(s) skipped: they were never promised\n" in done.err
    assert endpoint.prompts == ["b"]
    assert tree()[str(segment)] == torn


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ((RUN / "run.json").unlink, "there is no run.json that says what it was asked"),
        (lambda: (RUN / "run.json").write_text("{"), "the run can't be resumed: runs/mine/run"),
        (lambda: (RUN / "journal").rename(RUN / "gone"), "name a folder that has journal/ in it"),
        (Path("prompts.jsonl").unlink, "prompts.jsonl does not exist"),
        (lambda: Path("prompts.jsonl").write_text(""), "prompts.jsonl is empty"),
    ],
)
def test_what_a_run_needs_and_has_no_more_is_named(begin, resume, endpoint, tree, spoil, said):
    """Nobody is asked and nothing is changed."""
    begin("ab", broken="b")
    spoil()
    before = tree()
    done = resume()
    assert (done.code, done.out, endpoint.asked) == (2, "", [])
    assert said in done.err
    assert tree() == before


def test_a_run_that_does_not_say_where_its_prompts_are_is_told(begin, resume, endpoint):
    """It was begun from Python, perhaps; then they are named."""
    begin("a", broken="a")
    document = json.loads((RUN / "run.json").read_bytes())
    (RUN / "run.json").write_text(json.dumps({**document, "prompts": {}}))
    done = resume()
    assert (done.code, endpoint.asked) == (2, [])
    assert "name them with --prompts" in done.err
    assert resume("--prompts", "prompts.jsonl").code == 0
    assert resume().code == 0


def test_an_endpoint_that_is_gone_costs_nothing(begin, resume, tree):
    """Exit code 4, and the run is as it was: it goes on once somebody answers."""
    begin("ab", broken="b")
    before = tree()
    done = resume("--base-url", "http://127.0.0.1:9/v1", "--concurrency", "3")
    assert (done.code, done.out) == (4, "")
    assert "nobody answers at http://127.0.0.1:9/v1" in done.err
    assert tree() == before
    assert resume().code == 0


def test_a_refusal_ends_nothing_that_still_runs(survivor, resume, endpoint, tree):
    """A process of the attempt before lives on: nothing has been decided yet."""
    before = tree()
    assert resume("--model", "n").code == 2
    assert survivor.lives
    assert (endpoint.asked, tree()) == ([], before)


def test_what_the_attempt_before_left_running_is_gone_before_a_session_goes_on(
    survivor, resume, endpoint
):
    """Nothing of it works in the workspace beside its successor."""
    lived = []
    assert survivor.lives
    endpoint.look = lambda: lived.append(survivor.lives)
    done = resume("--workspace-on-crash", "keep")
    assert done.code == 0, done.err
    assert lived == [False]


@pytest.mark.parametrize("mode", CUT)
@pytest.mark.usefixtures("killed")
def test_a_command_that_was_cut_is_met_as_it_is_asked(resume_with_less, endpoint, tool_call, mode):
    """The model sees what became of it, and then looks at the file that it had written to."""
    endpoint.answers["a"] = [[tool_call("terminal", "look", command="cat log")]]
    done = resume_with_less("--workspace-on-crash", mode)
    assert done.code == 0, done.err
    said = [json.loads(one["content"]) for one in endpoint.asked[-1]["messages"][2::2]]
    assert [one.get("output") or one["error"] for one in said] == list(CUT[mode])


def test_a_run_that_is_over_needs_no_endpoint(begin, resume):
    """Nobody is asked, so nobody must be there."""
    begin("ab")
    done = resume("--base-url", "http://127.0.0.1:9/v1")
    assert (done.code, done.out) == (0, "runs/mine\n"), done.err


@pytest.mark.parametrize("option", ["--name", "--out"])
def test_a_run_that_goes_on_stays_where_it_is(begin, resume, tree, option):
    """An option that could not be heeded is refused."""
    begin("a")
    before = tree()
    done = resume(option, "elsewhere")
    assert (done.code, done.out) == (2, "")
    assert f"{option} is for a new run; what goes on stays in runs/mine" in done.err
    assert tree() == before


def test_a_prompts_file_is_no_run(command, prompts):
    """Whoever names it is told what to name."""
    done = command("resume", prompts({"prompt": "a"}))
    assert (done.code, done.out) == (2, "")
    assert "holds no run: name a run directory, like runs/NAME" in done.err


def test_a_limit_is_taken_away_with_none(begin, resume, command):
    """The help of the command says so."""
    begin("abc", "--limit", "1")
    done = resume("--limit", "none")
    assert (done.code, done.out) == (0, "runs/mine\n"), done.err
    assert "sessions kept: 1, going on: 0, to begin: 2" in done.err
    assert "--limit none" in command("resume", "--help").out


def test_a_run_that_is_over_asks_nobody(begin, resume, endpoint, facts, tree):
    """Exit code 0, all rows as they were."""
    begin("abc")
    before, ends = tree(), facts(SessionEnded)
    done = resume()
    assert (done.code, done.out, endpoint.asked) == (0, "runs/mine\n", [])
    assert "runs/mine: sessions kept: 3, going on: 0, to begin: 0\n" in done.err
    assert "3 rows x 1 sample = 3 sessions: 3 completed + 0 not started" in done.err
    assert facts(SessionEnded) == ends
    rows = str(RUN / "trajectories.jsonl")
    assert tree()[rows] == before[rows]
