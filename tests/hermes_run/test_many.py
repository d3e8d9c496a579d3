"""Sessions run from Python, with one's own tools and model."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from hermes_run import Scripted, run_many, tool
from hermes_run.errors import UsageError
from recorder.reader import fold_journal


@tool(effect="read")
async def weather(city: str) -> str:
    """Weather in a city."""
    return f"rain in {city}"


async def test_sessions_are_given_as_they_end(tmp_path: Path):
    """Every prompt gives one session; all are in the record."""
    prompts = ["one", {"id": "two", "prompt": "two"}]
    run = run_many(prompts, model=Scripted(["a", "b"]), record=tmp_path / "r", tools=[weather])
    ended = [session.ended.outcome async for session in run if session.ended]
    assert ended == ["completed"] * 2
    assert len(fold_journal(tmp_path / "r" / "journal").sessions) == 2


async def test_leaving_early_interrupts_what_is_in_flight(tmp_path: Path):
    """The record holds every session that was begun, each with its end."""
    prompts = (f"p{n}" for n in range(100))
    run = run_many(prompts, model=Scripted(["a"] * 100), record=tmp_path / "r", concurrency=2)
    async with aclosing(run) as sessions:
        async for _ in sessions:
            break
    folded = fold_journal(tmp_path / "r" / "journal").sessions.values()
    assert 1 <= len(folded) < 100
    assert all(session.ended for session in folded)


async def test_the_embedded_model_needs_no_endpoint(tmp_path: Path):
    """``model="simulated"`` answers by itself, over HTTP."""
    run = run_many(["What is love?"], model="simulated", record=tmp_path / "r")
    (session,) = [session async for session in run]
    assert session.ended
    assert session.ended.outcome == "completed"
    assert session.started
    assert session.started.provider == "simulated"


async def test_prompts_get_toolsets_tools_and_servers_as_the_command_gives_them(tmp_path: Path):
    """Tools of one's own are in every session; those that are named by module are loaded."""
    (tmp_path / "many_tools.py").write_text("def loose(text: str) -> str:\n    return text\n")
    (tmp_path / "sets.toml").write_text("[distributions.mine]\nsearch = 50\nterminal = 50\n")
    run = run_many(
        (f"p{n}" for n in range(20)),
        model=Scripted(["a"] * 20),
        record=tmp_path / "r",
        tools=[weather, f"{tmp_path / 'many_tools.py'}:loose"],
        toolsets_file=str(tmp_path / "sets.toml"),
        distribution="mine",
    )
    got = {tuple(tool["function"]["name"] for tool in session.tools) async for session in run}
    assert got == {
        ("search_files", "weather", "loose"),
        ("terminal", "process", "weather", "loose"),
        ("search_files", "terminal", "process", "weather", "loose"),
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"toolsets": "fiel"}, "Did you mean 'file'"),
        ({"toolsets": ["browser"]}, "nothing backs browser"),
        ({"distribution": "safe", "toolsets": ["file"]}, "leave one of the two out"),
        ({"mcp": "none.json"}, r"none\.json"),
        ({"tools": ["nowhere:x"]}, "nowhere"),
    ],
)
async def test_tools_that_can_not_be_had_are_refused_before_there_is_a_run(
    tmp_path: Path, options: dict[str, Any], said: str
):
    """As the command refuses them."""
    with pytest.raises(UsageError, match=said):
        [s async for s in run_many(["x"], model=Scripted([]), record=tmp_path / "r", **options)]
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concurency": 3}, "concur"),
        ({"concurrency": 0}, "concur"),
        ({"toolsets": None}, "options are"),
    ],
)
async def test_an_option_that_cannot_be_used_is_refused(
    tmp_path: Path, options: dict[str, Any], said: str
):
    """A misspelled option and one out of range raise before anything is made."""
    with pytest.raises(UsageError, match=said):
        [s async for s in run_many(["x"], model="m", record=tmp_path / "r", **options)]
    assert not (tmp_path / "r").exists()


async def test_sessions_run_where_they_are_asked_for(tmp_path: Path):
    """What they give can't come from another process, so there is none."""
    run = run_many(["one"], model=Scripted([]), record=tmp_path / "r", workers=2)
    with pytest.raises(UsageError, match="run_many runs in the process that calls it"):
        await anext(run)
    assert not (tmp_path / "r").exists()
