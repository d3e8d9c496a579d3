"""Which sessions go on when a run does, from where, and what they had used up by then."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from recorder.events import SessionResumed

RUN = Path("runs/mine")


@pytest.fixture
def turn(tool_call):
    """Make an answer that asks for a harmless command."""
    return lambda: [tool_call("terminal", "look", command="true")]


@pytest.fixture
def crash(process, endpoint, facts, wait):
    """Kill the command when attempt *number* at the one session is on disk, and asks."""

    def attempts() -> int:
        resumed = facts(SessionResumed)
        return resumed["a-0"].attempt if resumed else 1

    def kill(number: int, *typed: object) -> None:
        running = process(*typed)
        wait(running, lambda: len(endpoint.asked) == number == attempts())
        running.kill()
        running.communicate()

    return kill


def dear() -> web.Response:
    """Make an answer that costs a dollar."""
    message = {"role": "assistant", "content": "ok"}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "cost": 1.0}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return web.json_response({"id": "r", "model": "m", "choices": [choice], "usage": usage})


def test_what_failed_goes_on_from_where_it_was(begin, resume, endpoint, turn, row_of):
    """What was said before is sent again and not asked for again; requests and tokens add up."""
    endpoint.answers["a"] = [turn(), 400]
    begin("a", code=3)
    done = resume()
    assert done.code == 0, done.err
    assert [len(body["messages"]) for body in endpoint.asked] == [3]
    row = row_of("a-0")
    assert (row["api_calls"], row["usage"]["input"], row["timing"]["attempts"]) == (3, 20, 2)
    assert "tokens:  20 in" in done.err


def test_what_failed_may_be_begun_anew(begin, resume, endpoint, turn, row_of):
    """Nothing of what was said before is sent; the run has paid for it all the same."""
    endpoint.answers["a"] = [turn(), 400]
    begin("ab", code=3)
    done = resume("--restart-failed")
    assert done.code == 0, done.err
    assert [len(body["messages"]) for body in endpoint.asked] == [1]
    assert row_of("a-0")["api_calls"] == 1
    assert "tokens:  30 in" in done.err


def test_what_fails_again_is_tried_as_often_as_somebody_asks(begin, resume, endpoint, row_of):
    """Exit code 3 and the way on, until it succeeds; it has one row."""
    begin("ab", broken="b")
    for attempt in (2, 3):
        endpoint.answers["b"] = [400]
        done = resume()
        assert done.code == 3
        assert done.err.endswith(
            "next:\n  hermes-run status runs/mine\n  hermes-run resume runs/mine\n"
        )
        assert row_of("b-0")["timing"]["attempts"] == attempt
    assert resume().code == 0
    assert endpoint.prompts == ["b"] * 3


def test_a_session_at_its_limit_goes_on_where_that_is_asked_for(
    begin, resume, endpoint, turn, row_of
):
    """A limit that was raised alone changes nothing; replies of all attempts count towards it."""
    endpoint.answers["a"] = [turn(), turn(), turn()]
    begin("a", "--max-turns", 1)
    done = resume("--max-turns", 3)
    assert (done.code, endpoint.asked) == (0, [])
    assert "sessions kept: 1, going on: 0" in done.err
    done = resume("--retry-outcome", "limit")
    assert (done.code, len(endpoint.asked)) == (0, 2)
    row = row_of("a-0")
    assert (row["outcome"], row["exit_reason"], row["api_calls"]) == ("limit", "max_turns", 3)


def test_outcomes_are_named_as_they_are_written(begin, resume, endpoint):
    """Several may be; one that is none is refused, with those that there are."""
    begin("a")
    assert resume("--retry-outcome", "limit", "--retry-outcome", "completed").code == 0
    assert endpoint.prompts == ["a"]
    done = resume("--retry-outcome", "bad")
    assert (done.code, done.out) == (2, "")
    for name in ("completed", "limit", "refused", "uncertain", "interrupted"):
        assert f'"{name}"' in done.err


def test_what_was_spent_counts_when_the_run_goes_on(begin, resume, endpoint, row_of):
    """Nobody is asked where the budget is used up; with a larger one the rest is."""
    endpoint.answers |= {letter: [dear()] for letter in "abc"}
    begin("abc", "--concurrency", 1, "--max-cost-usd", 1, code=5)
    done = resume()
    assert (done.code, endpoint.asked) == (5, [])
    assert "1 completed + 2 not started" in done.err
    done = resume("--max-cost-usd", 9)
    assert done.code == 0, done.err
    assert endpoint.prompts == ["b", "c"]
    assert "$3" in done.err
    assert row_of("a-0")["cost_usd"] == 1.0


def test_a_run_whose_key_was_refused_goes_on_with_another(begin, resume, endpoint):
    """What had begun and what had not; the exit code says that it stopped early."""
    endpoint.answers |= {"a": ["ok"], "b": [401]}
    begin("abcd", "--concurrency", 1, code=4)
    endpoint.answers["b"] = [401]
    done = resume()
    assert done.code == 4
    assert "1 completed + 1 model_error + 2 not started" in done.err
    assert endpoint.prompts == ["b"]
    assert resume().code == 0
    assert endpoint.prompts == ["b", "b", "c", "d"]


@pytest.mark.slow
def test_a_session_that_takes_the_process_with_it_is_given_up(
    crash, command, prompts, endpoint, resume, row_of
):
    """It went on three times and brought nothing; only a new beginning gives it another chance."""
    endpoint.answers["a"] = [None] * 4
    path = prompts({"id": "a", "prompt": "a"})
    crash(1, "--model", "m", "--base-url", endpoint.url, "--name", RUN.name, "--no-stream", path)
    for number in (2, 3, 4):
        crash(number, "resume", RUN)
    for going in (1, 0):
        done = resume()
        assert done.code == 3
        assert f"sessions kept: {1 - going}, going on: {going}" in done.err
    row = row_of("a-0")
    assert (row["outcome"], row["exit_reason"]) == ("tool_error", "poison")
    advice = f"hermes-run resume {RUN} --restart-failed  # begins what failed anew, 1 poison"
    assert "1 of tool_error are poison" in done.err
    assert f"  {advice}" in done.err
    assert f"  hermes-run resume {RUN}\n" not in done.err
    said = command("status", RUN).out
    assert f"next:     {advice}" in said
    assert "(1 of tool_error are poison)" in said
    assert len(endpoint.asked) == 4
    assert resume("--restart-failed").code == 0
    assert row_of("a-0")["outcome"] == "completed"
