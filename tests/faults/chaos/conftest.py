"""Sessions against an endpoint that does everything that endpoints do, right and wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psutil
import pytest

from hermes_run.many import run_many
from hermes_run.tools.schema import tool
from recorder.session import Session
from tests.endpoint.server import TOLD, Endpoint
from tests.faults.chaos.stories import ATTEMPTS, TOKENS, TURNS, Story

PATIENCE_S = 240.0
SETTINGS: dict[str, Any] = {
    "concurrency": 64,
    "attempts": ATTEMPTS,
    "max_turns": TURNS,
    "max_tokens": TOKENS,
    "retry_base": 0.01,
    "retry_cap": 0.02,
    "first_token_timeout": 2.0,
    "silence_timeout": 2.0,
    "attempt_timeout": 3.0,
    "deadline": 300.0,
}


@tool(effect="read")
async def look(at: int = 0) -> str:
    """Look around."""
    return f"nothing at {at}"


@tool(effect="read")
async def find(word: str = "") -> str:
    """Find a word."""
    return f"no {word}"


@pytest.fixture
def play(misbehaving: Endpoint, tmp_path: Path) -> Callable[..., Any]:
    """Run stories to their end; gives the sessions, and the run is in ``tmp_path/"run"``."""

    async def run(told: Iterable[Story], **options: Any) -> list[Session]:
        misbehaving.asked.clear()
        misbehaving.bodies.clear()
        misbehaving.headers.clear()
        rows = ({"id": story.name, "prompt": story.prompt} for story in told)
        ended = run_many(
            rows,
            model=TOLD,
            record=tmp_path / "run",
            base_url=misbehaving.url,
            tools=[look, find],
            **{**SETTINGS, **options},
        )
        async with leaving_nothing(misbehaving), aclosing(ended):
            return [session async for session in ended]

    return run


@asynccontextmanager
async def leaving_nothing(endpoint: Endpoint) -> AsyncIterator[None]:
    """See that the block leaves no task, no process and no connection behind."""
    tasks, me = asyncio.all_tasks(), psutil.Process()
    processes, connections = me.children(recursive=True), endpoint.open_connections()
    yield
    assert asyncio.all_tasks() == tasks
    assert me.children(recursive=True) == processes
    with anyio.move_on_after(PATIENCE_S):  # what was closed here may be news over there
        while endpoint.open_connections() > connections:
            await anyio.lowlevel.checkpoint()
    assert endpoint.open_connections() == connections
