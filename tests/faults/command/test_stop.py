"""SIGINT and SIGTERM: the record is sound whatever was in flight, and ``resume`` ends the run."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from hermes_run.models.simulated.steps import Call, Turn
from recorder.events import SessionEnded, ToolReturned


def hold(run, running, replies: int) -> None:
    """Let the run come to where *replies* were given and every session waits for its next."""
    endpoint = run.endpoint
    waiting = len(run.whole.rows)
    endpoint.wait_until(lambda: endpoint.total - endpoint.answered.total() == waiting)
    assert endpoint.answered.total() == replies
    assert running.poll() is None


def ends_of(past) -> list[str]:
    """How the sessions ended that did."""
    facts = (events[-1] for events in past.sessions.values())
    return [event.outcome for event in facts if isinstance(event, SessionEnded)]


@pytest.mark.slow
def test_a_run_that_was_drained_goes_on(watch, few, read_until, sound):
    """No model is asked after the signal, the replies in flight are kept, and used later."""
    run = watch(few)
    run.endpoint.give_at_most(1)  # before the first answer nobody else asks
    running = run.begin("--drain-timeout", 60)
    hold(run, running, 1)
    running.send_signal(signal.SIGINT)
    read_until(running, "SIGINT: stopping.")
    asked = run.endpoint.total
    run.endpoint.give_at_most()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (130, "runs/mine\n")
    assert err.endswith("hermes-run resume runs/mine\n")
    assert run.endpoint.total == asked
    past = run.look()
    assert len(past.replies()) == len(run.whole.rows) + 1
    assert ends_of(past) == ["interrupted"] * len(run.whole.rows)
    sound()
    running = run.resume()
    assert running.communicate(timeout=240)[0] == "runs/mine\n"
    assert running.returncode == 0
    run.check()
    sound()


def test_a_run_that_was_cancelled_goes_on(watch, few, read_until, sound, left_running):
    """Two signals leave nothing running and lose what nobody had answered, and nothing else."""
    run = watch(few)
    replies = len(run.whole.rows) * 2
    run.endpoint.give_at_most(replies)
    running = run.begin("--drain-timeout", 3600)
    run.endpoint.wait_until(lambda: run.endpoint.total > replies)
    running.send_signal(signal.SIGINT)
    read_until(running, "SIGINT: stopping.")
    running.send_signal(signal.SIGINT)
    err = running.communicate(timeout=240)[1]
    assert running.returncode == 130, err
    assert "SIGINT: cancelling what is in flight" in err
    assert left_running() == []
    past = run.look()
    assert 0 < len(past.replies()) <= replies  # what was on its way may be cut off
    assert len(ends_of(past)) == len(past.sessions)
    sound()
    run.endpoint.give_at_most()
    running = run.resume()
    running.communicate(timeout=240)
    assert running.returncode == 0
    run.check()
    sound()


@pytest.mark.slow
def test_a_resumption_may_be_stopped_like_a_run(watch, few, sound):
    """It goes on as often as it is told to, whichever signal came."""
    run = watch(few)
    replies = 0
    running = run.begin("--drain-timeout", 0)
    run.endpoint.give_at_most(0)
    for number in (signal.SIGTERM, signal.SIGINT):
        replies += len(run.whole.rows) // 2
        run.endpoint.give_at_most(replies)
        run.endpoint.wait_until(lambda most=replies: run.endpoint.answered.total() >= most)
        running.send_signal(number)
        err = running.communicate(timeout=240)[1]
        assert running.returncode == 128 + number, err
        run.look()
        sound()
        running = run.resume()
    run.endpoint.give_at_most()
    running.communicate(timeout=240)
    assert running.returncode == 0
    run.check()
    sound()


@pytest.mark.slow
def test_a_command_that_runs_when_the_run_is_cancelled_is_ended(
    watch, few, folder, until, sound, left_running
):
    """It would run for ten minutes; the session begins its setup again and ends as ever."""
    source, slow = folder / "source", folder / "slow.jsonl"
    line, *others = few.read_text().splitlines()
    first = json.loads(line)
    source.mkdir()
    for name, text in first["workspace"].items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    setup = "test -e .go || { touch begun; sleep 600; }"
    first |= {"setup": setup, "workspace": str(source)}
    slow.write_text("\n".join([json.dumps(first), *others]))
    (source / ".go").touch()
    run = watch(slow)
    (source / ".go").unlink()
    running = run.begin("--drain-timeout", 0)
    run.endpoint.wait_until(lambda: len(run.endpoint.answered) > len(others))
    until(Path(f"runs/mine/workspaces/{first['id']}-0/begun").exists, running)
    running.send_signal(signal.SIGTERM)
    err = running.communicate(timeout=240)[1]
    assert running.returncode == 143, err
    assert left_running() == []
    run.look()
    sound()
    (source / ".go").touch()
    running = run.resume()
    running.communicate(timeout=240)
    assert running.returncode == 0
    run.check()


def test_a_tool_that_runs_when_the_run_is_stopped_gets_its_time(
    endpoint, process, look_at, read_until, until, tmp_path
):
    """Its result is recorded and the model is asked about it later; it does not run again."""
    workspace, prompts = Path("runs/mine/workspaces/a-0"), tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": "x"}\n')
    line = "echo once >> begun; until test -e go; do sleep 0.01; done; echo let go"
    endpoint.first = Turn("", calls=(Call("terminal", json.dumps({"command": line})),))
    typed = ["--model", "m", "--base-url", endpoint.url, "--name", "mine", "--progress", "plain"]
    running = process(*typed, "--drain-timeout", 60, prompts)
    until((workspace / "begun").exists, running)
    running.send_signal(signal.SIGTERM)
    read_until(running, "SIGTERM: stopping.")
    (workspace / "go").touch()
    err = running.communicate(timeout=240)[1]
    assert (running.returncode, endpoint.total) == (143, 1), err
    past = look_at("runs/mine")[0]
    (result,) = (event for event in past.sessions["a-0"] if isinstance(event, ToolReturned))
    assert "let go" in str(result.output)
    assert ends_of(past) == ["interrupted"]
    running = process("resume", "runs/mine", "--progress", "plain", "--keep-workspaces")
    err = running.communicate(timeout=240)[1]
    assert (running.returncode, endpoint.total) == (0, 2), err
    assert (workspace / "begun").read_text() == "once\n"
