"""``hermes-run doctor``: a table or a document, and an exit code."""

from __future__ import annotations

import json
import signal
import time

import pytest


@pytest.fixture
def examined(command, misbehaving):
    """Examine a model of the misbehaving endpoint."""

    def run(model, *more, listing="plain"):
        where = ["--base-url", misbehaving.listing(listing), "--api-key", "key"]
        return command("doctor", "--model", model, *where, *more)

    return run


def test_the_simulated_model_is_well(command):
    """It needs no endpoint and no key."""
    done = command("doctor", "--model", "simulated")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("simulated at simulated (embedded): 4 requests, ")
    assert lines[-1] == "usable"
    assert "called, 2 at once" in done.out
    assert "at most 5 small requests" in done.err


def test_what_is_to_be_changed_stands_under_what_was_found(examined):
    """The run is possible, so the exit code is 0."""
    done = examined("calls-as-text")
    assert done.code == 0
    assert "  tools       FIX   the server does not read the calls" in done.out
    assert "-> --tool-dialect hermes, or" in done.out
    assert done.out.splitlines()[-1] == "usable, but look at: tools"


@pytest.mark.parametrize(
    ("model", "listing", "said"),
    [
        (
            "healthy",
            "refused",
            "the key is refused: HTTP 401: Incorrect API key provided\nWhat to do: set",
        ),
        (
            "quota",
            "plain",
            "the quota is used up: HTTP 429: You exceeded your current quota\nWhat to do: top",
        ),
        ("status-404", "plain", "there is no status-404 at 127.0.0.1:"),
        ("status-500", "plain", "status-500 gives no reply: HTTP 500: Internal Server Error\n"),
    ],
)
def test_an_endpoint_of_no_use_is_exit_code_4_and_one_sentence(examined, model, listing, said):
    """The table says what was well until then."""
    done = examined(model, listing=listing)
    assert done.code == 4
    assert done.out.splitlines()[-1] == "not usable"
    assert f"hermes-run: the endpoint can't be used: {said}" in done.err


def test_a_port_where_nobody_listens_is_exit_code_4(command, misbehaving):
    """The sentence says what to do."""
    done = command("doctor", "--model", "m", "--base-url", misbehaving.closed_url)
    assert done.code == 4
    assert "nobody answers at 127.0.0.1:" in done.err
    assert "start the server" in done.err


def test_a_program_gets_one_document(examined):
    """With the facts beside the words."""
    done = examined("healthy", "--json", listing="vllm")
    assert done.code == 0
    told = json.loads(done.out)
    (endpoint,) = told["endpoints"]
    assert (told["usable"], told["exit_code"], endpoint["requests"]) == (True, 0, 4)
    assert endpoint["tokens"] == {"input": 60, "output": 21}
    facts = {one["check"]: one["facts"] for one in endpoint["findings"]}
    assert facts["context"]["tokens"] == 32_768
    assert facts["tools"] == {
        "calls": 2,
        "parallel": True,
        "ids": "given",
        "broken": 0,
        "dialect": "",
    }


def test_of_several_endpoints_one_that_is_usable_is_enough(command, misbehaving):
    """A run leaves the others out, and here each is told."""
    urls = [misbehaving.listing("refused"), misbehaving.url]
    typed = [part for url in urls for part in ("--base-url", url)]
    done = command("doctor", "--model", "healthy", "--api-key", "key", *typed, "--json")
    told = json.loads(done.out)
    assert [one["usable"] for one in told["endpoints"]] == [False, True]
    assert done.code == 0
    assert "the key is refused" in done.err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "no model is named"),
        (["--model", "m"], "set OPENAI_API_KEY"),
        (["--model", "m", "--base-url", "ftp://x"], "--base-url must begin with http://"),
        (["--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--api-key", "a\nb"], "line end"),
        (["--modle", "m"], "Unknown option"),
    ],
)
def test_what_can_not_be_asked_is_exit_code_2(command, typed, said):
    """The sentence is the one of a run."""
    done = command("doctor", *typed)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_settings_come_from_variables_and_files_too(command, misbehaving, monkeypatch, tmp_path):
    """As those of a run do."""
    config = tmp_path / "settings.toml"
    config.write_text('model = "healthy"\n[sampling]\ntemperature = 0.25\n')
    monkeypatch.setenv("OPENAI_BASE_URL", misbehaving.url)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert command("doctor", "--config", config).code == 0
    assert misbehaving.bodies[-1]["temperature"] == 0.25


def test_the_help_shows_what_is_about_the_endpoint(command):
    """Not all the rest of a run's settings."""
    done = command("doctor", "--help")
    assert "--tool-dialect" in done.out
    assert "--json" in done.out
    assert "--samples" not in done.out


def test_an_interrupt_ends_it_at_once(process, read_until, misbehaving):
    """A model that says nothing would be waited for, for minutes."""
    where = ["--base-url", misbehaving.url, "--api-key", "key"]
    before = len(misbehaving.bodies)
    running = process("doctor", "--model", "silent", *where)
    read_until(running, "small requests")
    while len(misbehaving.bodies) == before:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (130, "")
    assert err == "hermes-run: stopped; nothing was written.\n"
