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


@pytest.mark.parametrize("options", [{"concurency": 3}, {"concurrency": 0}])
async def test_an_option_that_cannot_be_used_is_refused(tmp_path: Path, options: dict[str, Any]):
    """A misspelled option and one out of range raise before anything is made."""
    with pytest.raises(UsageError, match="concur"):
        [s async for s in run_many(["x"], model="m", record=tmp_path / "r", **options)]
    assert not (tmp_path / "r").exists()
