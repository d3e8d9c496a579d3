"""What a budget, a deadline or a share of the sessions left is gone on with, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hermes_run.run_json import read_run_json
from recorder.json_text import decode
from recorder.messages import Json

RUN = Path("runs/mine")


@pytest.fixture
def prices(tmp_path) -> Path:
    """A file of prices: every reply of the endpoint costs ten cents."""
    path = tmp_path / "prices.toml"
    path.write_text('["m"]\ninput = 10_000\noutput = 0\n')
    return path


@pytest.fixture
def statistics() -> Any:
    """Read the statistics of the run."""
    return lambda: decode((RUN / "statistics.json").read_bytes())


def messages(body: dict[str, Any]) -> list[Json]:
    """The roles of what was asked."""
    return [one["role"] for one in body["messages"]]


def test_a_run_whose_budget_is_used_up_goes_on_with_a_larger_one(
    begin, resume, endpoint, prices, statistics, rows_of
):
    """Exactly what is left is asked; what was spent before counts."""
    begin("abcdef", "--prices", prices, "--max-cost-usd", 0.3, "--concurrency", 1, code=5)
    assert [row["cost_usd"] for row in rows_of(RUN)] == [pytest.approx(0.1)] * 3
    again = resume()
    assert (again.code, endpoint.asked) == (5, [])
    assert "stopped early: the budget of $0.3 is used up" in again.err
    assert f"hermes-run resume {RUN} --max-cost-usd MORE" in again.err
    assert resume("--max-cost-usd", 0.5).code == 5
    assert endpoint.prompts == ["d", "e"]
    endpoint.asked.clear()
    done = resume("--max-cost-usd", "none")
    assert done.code == 0, done.err
    assert endpoint.prompts == ["f"]
    assert statistics()["usage"]["cost_usd"] == pytest.approx(0.6)
    assert [row["id"] for row in rows_of(RUN)] == [f"{letter}-0" for letter in "abcdef"]


def test_a_session_that_a_budget_parked_between_two_turns_goes_on_there(
    begin, resume, endpoint, prices, tool_call, row_of
):
    """Its calls were run, and what they gave is sent when it goes on."""
    endpoint.answers["a"] = [[tool_call("terminal", "c", command="echo once >> log; cat log")]]
    begin("a", "--prices", prices, "--max-cost-usd", 0.1, code=5)
    parked = row_of("a-0")
    assert (parked["outcome"], parked["exit_reason"]) == ("interrupted", "budget")
    assert resume("--max-cost-usd", 1).code == 0
    (asked,) = endpoint.asked
    assert messages(asked)[-2:] == ["assistant", "tool"]
    assert asked["messages"][-1]["content"].count("once") == 1


def test_a_run_that_reached_its_deadline_goes_on_with_what_is_left(
    begin, resume, endpoint, rows_of
):
    """A new attempt has its own time."""
    endpoint.answers["c"] = [None]
    typed = ("--deadline", 1.5, "--drain-timeout", 0.05, "--concurrency", 1)
    begin("abcd", *typed, code=5)
    ended = {row["id"][0] for row in rows_of(RUN)}
    assert "c" not in ended
    done = resume("--deadline", "none")
    assert done.code == 0, done.err
    assert endpoint.prompts == sorted(set("abcd") - ended)
    assert len(rows_of(RUN)) == 4


def test_stragglers_are_left_and_can_be_run_to_their_end(begin, resume, endpoint, rows_of):
    """In a run that goes on the share is one of what was left."""
    endpoint.answers["e"] = [None]
    # Two at once, so that "e" is not the first that is asked: nobody else is before it answers.
    typed = ("--finish-when", "80%", "--drain-timeout", 0.05, "--concurrency", 2)
    begin("abcde", *typed, code=5)
    endpoint.answers["e"] = [None]  # one again, also where it was not asked before
    assert sorted(row["id"] for row in rows_of(RUN)) == ["a-0", "b-0", "c-0", "d-0"]
    done = resume("--samples", 2)
    assert done.code == 5, done.err
    assert "stopped early: 80% of the sessions have ended, all but 1" in done.err
    assert f"hermes-run resume {RUN} --finish-when none" in done.err
    endpoint.asked.clear()
    assert resume("--finish-when", "none").code == 0
    assert endpoint.prompts == ["e"]
    assert len(rows_of(RUN)) == 10


def test_a_session_that_the_endpoint_put_off_for_long_goes_on_later(
    begin, resume, endpoint, row_of, rows_of
):
    """The others went on meanwhile."""
    later = {"Retry-After": "7200"}
    endpoint.answers["a"] = [web.json_response({"error": {}}, status=429, headers=later)]
    begin("ab", code=3)
    parked = row_of("a-0")
    assert (parked["outcome"], parked["exit_reason"]) == ("interrupted", "parked")
    assert [row["id"] for row in rows_of(RUN)] == ["b-0"]
    assert resume().code == 0
    assert endpoint.prompts == ["a"]


def test_the_file_of_prices_is_found_from_another_folder(
    begin, resume, prices, monkeypatch, tmp_path
):
    """The run says where it is."""
    monkeypatch.chdir(prices.parent)
    begin("ab", "--prices", prices.name, broken="b")
    settings: Any = read_run_json(RUN)["settings"]
    assert settings["prices"] == str(prices)
    prices.unlink()
    done = resume()
    assert done.code == 2
    assert f"--prices {prices}: " in done.err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--finish-when", "most"], "--finish-when must be a share like 99%, not 'most'"),
        (["--retry-time", "0"], "--retry-time must be more than 0"),
        (["--patience", "-1"], "--patience must be more than 0"),
        (["--working-time", "0"], "--working-time must be more than 0"),
        (["--max-session-cost-usd", "0"], "--max-session-cost-usd must be more than 0"),
        (["--prices", "gone.toml"], "--prices gone.toml: "),
    ],
)
def test_a_bound_that_is_none_is_refused_before_anything_is_made(
    command, prompts, endpoint, typed, said
):
    """Nothing was run, and nothing is left behind."""
    path = prompts({"prompt": "a"})
    done = command("--model", "m", "--base-url", endpoint.url, *typed, path)
    assert (done.code, endpoint.asked) == (2, [])
    assert said in done.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "case",
    [
        ("m", ["--prices", "prices.toml", "--max-cost-usd", "9"], None),
        ("n", ["--prices", "prices.toml"], "the price of n is not in prices.toml"),
        ("m", ["--max-cost-usd", "9"], "the price of m is not known: there is no --prices FILE"),
        ("m", [], None),
    ],
)
def test_that_a_price_is_unknown_is_said_once_and_in_the_summary(
    command, prompts, endpoint, prices, case
):
    """Where a cost is asked for or bounds something."""
    model, typed, said = case
    asked = ("--model", model, "--base-url", endpoint.url, "--no-stream", "--progress", "plain")
    done = command(*asked, *typed, prompts({"prompt": "a"}, {"prompt": "b"}))
    assert done.code == 0, done.err
    assert done.err.count("the price of") == (said is not None)
    assert said is None or said in done.err
    knows = "--prices" in typed and model == "m"
    assert ("$0.20" if knows else "cost unknown (no prices)") in done.err
