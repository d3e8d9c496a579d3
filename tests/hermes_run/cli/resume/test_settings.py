"""Settings that may not change when a run goes on, each refused by its name; and those that may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.events import SessionResumed

PREFILL = [{"role": "assistant", "content": "before"}]

SEMANTIC = [
    (["--model", "n"], "model: 'm' is now 'n'", ("model",)),
    (["--system", "brief"], "system: None is now 'brief'", ("system",)),
    (["--ephemeral-system", "x"], "ephemeral_system: None is now 'x'", ("ephemeral_system",)),
    (["--toolsets", "file"], "toolsets: ['default'] is now ['file']", ("toolsets", "tools")),
    (["--sampling.top_p", "0.5"], "sampling: {} is now {'top_p': 0.5}", ("sampling",)),
    (["--reasoning-effort", "low"], "reasoning_effort: None is now 'low'", ("reasoning_effort",)),
    (["--tool-dialect", "glm"], "tool_dialect: 'none' is now 'glm'", ("tool_dialect",)),
    (["--native-tools"], "native_tools: False is now True", ("native_tools",)),
    (["--seed", "7"], "seed: 0 is now 7", ("seed",)),
    (["--prefill", "prefill.json"], "prefill: None is now '", ("prefill",)),
]

OPERATIONAL = {
    "concurrency": (16, 3),
    "session_timeout": (None, 99.0),
    "tool_timeout": (120.0, 9.0),
    "tool_output": (50_000, 9_999),
    "samples": (1, 2),
    "attempts": (1, 2),
    "retry_base": (1.0, 0.5),
    "retry_cap": (60.0, 2.0),
    "max_turns": (50, 9),
    "max_tokens": (None, 9_999),
    "max_cost_usd": (None, 9.0),
    "deadline": (None, 999.0),
    "working_time": (None, 99.0),
    "max_session_cost_usd": (None, 9.0),
    "finish_when": (None, "99%"),
    "retry_time": (None, 99.0),
    "patience": (3600.0, 99.0),
    "drain_timeout": (10.0, 9.0),
    "sync": ("group", "event"),
    "progress": ("plain", "none"),
    "workspace_on_crash": ("snapshot", "keep"),
}


@pytest.mark.parametrize("change", SEMANTIC, ids=lambda change: change[2][0])
def test_what_decides_a_session_is_refused_by_its_name(begin, resume, endpoint, tree, change):
    """Nobody is asked, nothing is changed, and the way on is said."""
    typed, said, names = change
    begin("ab", broken="b")
    Path("prefill.json").write_text(json.dumps(PREFILL))
    before = tree()
    done = resume(*typed)
    assert (done.code, done.out) == (2, "")
    assert f"\n  {said}" in done.err
    assert [line.split(":")[0].strip() for line in done.err.splitlines()[1:-1]] == list(names)
    assert "or go on all the same with --allow-drift" in done.err
    assert endpoint.asked == []
    assert tree() == before


@pytest.mark.parametrize("change", SEMANTIC, ids=lambda change: change[2][0])
def test_drift_that_is_allowed_is_recorded(begin, resume, facts, resumptions, row_of, change):
    """In the session that goes on, in its row, in run.json and on the screen; nowhere else."""
    typed, _, names = change
    begin("ab", broken="b")
    Path("prefill.json").write_text(json.dumps(PREFILL))
    done = resume(*typed, "--allow-drift")
    assert done.code == 0, done.err
    assert f"going on although this changed: {', '.join(names)}\n" in done.err
    drifts = {name: set(event.drift) for name, event in facts(SessionResumed).items()}
    assert drifts == {"b-0": set(names)}
    assert set(row_of("b-0")["flags"]) == {f"drift:{name}" for name in names}
    assert row_of("a-0")["flags"] == []
    assert set(resumptions()[-1]["drift"]) == set(names)


def test_all_that_changed_is_refused_at_once(begin, resume, prompts):
    """Settings and rows, in one error."""
    begin("ab", broken="b")
    prompts({"id": "a", "prompt": "other"}, {"id": "b", "prompt": "b"})
    done = resume("--model", "n", "--sampling.temperature", "1", "--seed", "1")
    assert done.code == 2
    for said in ("model: ", "sampling: ", "seed: ", "row 'a' has another content"):
        assert f"\n  {said}" in done.err


def test_what_was_allowed_once_is_what_the_run_is_from_then_on(begin, resume, endpoint):
    """To go back would be a change, too."""
    begin("a", broken="a")
    endpoint.answers["a"] = [400]
    assert resume("--model", "n", "--allow-drift").code == 3
    assert resume("--model", "m").code == 2
    assert resume().code == 0
    assert [body["model"] for body in endpoint.asked] == ["n", "n"]


@pytest.mark.parametrize("name", OPERATIONAL)
def test_what_does_not_decide_a_session_may_change(begin, resume, resumptions, facts, name):
    """It is used, and run.json says what it was and what it is."""
    begin("ab", broken="b")
    was, now = OPERATIONAL[name]
    done = resume(f"--{name.replace('_', '-')}", now)
    assert done.code == 0, done.err
    (fact,) = resumptions()
    assert fact["settings"] == {name: {"was": was, "is": now}}
    assert fact["drift"] == {}
    assert facts(SessionResumed)["b-0"].drift == ()


def test_more_samples_are_begun_and_more_attempts_are_made(begin, resume, endpoint):
    """Settings that may change do what they say."""
    begin("ab", broken="b")
    endpoint.answers["b"] = [500, "ok"]
    done = resume("--samples", 2, "--attempts", 2, "--retry-base", 0.001)
    assert done.code == 0, done.err
    assert "2 rows x 2 samples = 4 sessions: 4 completed" in done.err
    assert endpoint.prompts == ["a", "b", "b", "b"]


def test_the_endpoint_may_be_another(begin, resume, endpoint, new_endpoint, row_of):
    """The same model is served elsewhere; what goes on goes on there."""
    begin("ab", broken="b")
    other = new_endpoint()
    done = resume("--base-url", other.url)
    assert done.code == 0, done.err
    assert (endpoint.asked, other.prompts) == ([], ["b"])
    assert row_of("b-0")["outcome"] == "completed"


@pytest.mark.parametrize("given", ["OPENAI_API_KEY", "HERMES_RUN_API_KEY", "--api-key"])
def test_the_key_is_the_one_of_now(begin, resume, endpoint, tree, monkeypatch, given):
    """A run does not know its key: it is typed, or in a variable; and is written nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", "FIRSTKEY")
    begin("ab", broken="b")
    endpoint.keys.clear()
    typed = []
    if given.startswith("--"):
        typed = [given, "SECONDKEY"]
    else:
        monkeypatch.setenv(given, "SECONDKEY")
    assert resume(*typed).code == 0
    assert endpoint.keys == ["Bearer SECONDKEY"]
    assert not any(key in content for content in tree().values() for key in (b"FIRST", b"SECOND"))


def test_a_variable_changes_nothing_else_in_a_run_that_goes_on(
    begin, resume, endpoint, resumptions, monkeypatch
):
    """It may be there for another run."""
    begin("a", broken="a")
    named = {"OPENAI_MODEL": "n", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    for name, value in {**named, "HERMES_RUN_SEED": "5", "HERMES_RUN_CONCURRENCY": "2"}.items():
        monkeypatch.setenv(name, value)
    assert resume().code == 0
    assert [body["model"] for body in endpoint.asked] == ["m"]
    assert (resumptions()[0]["settings"], resumptions()[0]["drift"]) == ({}, {})


def test_a_file_of_settings_that_is_named_now_counts(begin, resume, resumptions, tmp_path):
    """What is in it was meant now; what is typed beside it weighs more."""
    begin("a", broken="a")
    (tmp_path / "more.toml").write_text("concurrency = 2\nattempts = 3\n")
    done = resume("--config", "more.toml", "--attempts", 4)
    assert done.code == 0, done.err
    changed = {name: one["is"] for name, one in resumptions()[0]["settings"].items()}
    assert changed == {"concurrency": 2, "attempts": 4}
    (tmp_path / "more.toml").write_text('model = "n"\n')
    assert "model: 'm' is now 'n'" in resume("--config", "more.toml").err


@pytest.mark.parametrize(
    "typed",
    [
        ["--toolsets", ""],
        ["--toolsets", "file,terminal"],
        ["--system", ""],
        ["--system", "-1"],
        ["--system", "null"],
        ["--ephemeral-system", "[a]\n'b' \"c\" \u2028"],
        ["--sampling.stop", '["a", "1"]', "--sampling.extra.deep", "7"],
        ["--sampling", '{"seed": "1", "user": "null", "temperature": 0}'],
        ["--reasoning-effort", "none"],
        ["--prefill", "prefill.json"],
        ["--seed", "-3"],
    ],
)
def test_a_run_goes_on_with_exactly_what_it_was_asked(begin, resume, resumptions, endpoint, typed):
    """However odd its settings look: nothing need be typed again, and the request is the same."""
    Path("prefill.json").write_text(json.dumps(PREFILL))
    begun = begin("a", *typed, broken="a")
    done = resume()
    assert done.code == 0, done.err
    (fact,) = resumptions()
    assert (fact["settings"], fact["drift"]) == ({}, {})
    assert endpoint.asked == [begun]


def test_a_run_goes_on_behind_the_wall_that_it_began_behind(begin, resume, row_of):
    """Whatever `auto` might find this time; another one is refused."""
    begin("ab", broken="b")
    wall = json.loads(Path("runs/mine/run.json").read_bytes())["sandbox"]
    assert wall != "none"
    refused = resume("--sandbox", "none")
    assert refused.code == 2
    assert f"\n  sandbox: '{wall}' is now 'none'\n" in refused.err
    done = resume()
    assert done.code == 0, done.err
    assert f"Tools run in {wall} with no network.\n" in done.err
    assert [row_of(name)["sandbox"] for name in ("a-0", "b-0")] == [wall, wall]
    assert json.loads(Path("runs/mine/run.json").read_bytes())["sandbox"] == wall


def test_a_run_without_a_wall_goes_on_without_one_and_says_so(begin, resume, row_of):
    """Nobody has to type it again; to have one from now on is another run."""
    begin("ab", "--sandbox", "none", broken="b")
    refused = resume("--sandbox", "bwrap")
    assert refused.code == 2
    assert "\n  sandbox: 'none' is now 'bwrap'\n" in refused.err
    done = resume()
    assert done.code == 0, done.err
    assert "Tools are not sandboxed: what the model runs, runs as you" in done.err
    assert row_of("b-0")["sandbox"] == "none"


def test_a_run_without_a_wall_or_tools_that_work_in_a_folder_goes_on_and_says_so(begin, resume):
    """Only what rows ask for could be in one."""
    begin("ab", "--sandbox", "none", "--empty-toolsets", broken="b")
    done = resume()
    assert done.code == 0, done.err
    assert "Tools are not sandboxed" not in done.err
    assert "is not sandboxed: it runs as you, in runs/mine/workspaces.\n" in done.err
