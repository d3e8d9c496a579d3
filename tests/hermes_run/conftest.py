"""A run in a folder of its own, with a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hermes_run.config import Settings
from hermes_run.failure import Failure
from hermes_run.models.protocol import Model, Reply
from hermes_run.models.scripted import Scripted
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.run import Run, open_run
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import load_shelf
from recorder.json_text import encode
from recorder.messages import ToolCall

Script: TypeAlias = Sequence[str | Reply | Failure]
OpenRun: TypeAlias = Callable[..., AbstractAsyncContextManager[Run]]


def calls(*named: tuple[str, str]) -> Reply:
    """A reply that asks for tools, each given as its name and its raw arguments."""
    made = tuple(ToolCall(f"call_{n}", name, text) for n, (name, text) in enumerate(named))
    return Reply(calls=made, finish_reason="tool_calls")


@pytest.fixture
def asks_for() -> Callable[..., Reply]:
    """Make a reply that asks for tools."""
    return calls


@pytest.fixture
def start_run(tmp_path: Path) -> OpenRun:
    """Open a run over *rows* with a model of one's own; its directory is ``tmp_path/"run"``."""

    @asynccontextmanager
    async def start(
        rows: Iterable[dict[str, Any]],
        model: Script | Model,
        tools: Iterable[Tool] = (),
        **options: Any,
    ) -> AsyncIterator[Run]:
        scripted = Scripted(model) if isinstance(model, Sequence) else model
        bare = {"model": "scripted", "toolsets": (), "sandbox": "none"}
        settings = Settings(**{**bare, **options})
        source = Source(scripted, "scripted", "test")
        shelf = load_shelf(settings, tools)
        async with open_run(tmp_path / "run", read(rows), settings, source, shelf) as run:
            yield run

    return start


async def read(rows: Iterable[dict[str, Any]]) -> AsyncIterator[Prompt | Reject]:
    """Read rows as a file would be read."""
    reading = Reading()
    for number, row in enumerate(rows, start=1):
        yield reading.row(number, encode(row))
