"""Runs in this process, with a model that costs nothing itself: what is counted is ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from hermes_run import tool
from hermes_run.config import Settings
from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.models import wire
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.report import Report
from hermes_run.run import Run, open_run
from hermes_run.tools.toolsets import load_shelf
from recorder.json_text import encode
from recorder.messages import ToolCall, Usage
from tests.guards.counting import objects

BARE: dict[str, Any] = {"model": "working", "toolsets": (), "sandbox": "none", "sync": "none"}

USAGE = Usage(input=10, output=5)


@tool(effect="pure")
async def look_up(word: str) -> str:
    """Look a word up."""
    return f"nothing is known of {word}"


@tool(effect="workspace")
async def write_down(word: str) -> str:
    """Write a word down."""
    return f"{word} is written"


@tool(effect="read")
async def break_off(word: str) -> str:
    """Fail, whatever the word is."""
    raise ValueError(word)


TOOLS = (look_up, write_down, break_off)


def asks_for(name: str, number: int, usage: Usage | None = USAGE) -> Reply:
    """Give a reply that calls a tool."""
    call = ToolCall(f"call_{number}", name, f'{{"word":"w{number}"}}')
    return Reply(calls=(call,), finish_reason="tool_calls", usage=usage)


class Working:
    """Calls a tool in every reply but the last of a session; every request is written out.

    Args:
        turns: replies of a session.
        calls: the tool.
    """

    def __init__(self, turns: int, calls: str = "look_up") -> None:
        self.written = 0
        self.turns = turns
        self._calls = calls
        self._asked: dict[str, int] = {}

    async def reply(self, request: Request) -> Reply:
        """Give the next reply of the session that asks."""
        self.written += len(wire.body(request, stream=True))
        await anyio.lowlevel.checkpoint()
        asked = self._asked.pop(request.session, 0) + 1
        if asked == self.turns:
            return Reply(text="done", finish_reason="stop", usage=USAGE)
        self._asked[request.session] = asked
        return self.turn(asked)

    def turn(self, number: int) -> Reply:
        """Give a reply that is not the last."""
        return asks_for(self._calls, number)


class Uncounted(Working):
    """Does not tell how many tokens there were."""

    def turn(self, number: int) -> Reply:
        """Give a reply that is not the last."""
        return asks_for("look_up", number, None)


class Writing(Working):
    """Writes its calls into the text."""

    def turn(self, number: int) -> Reply:
        """Give a reply that is not the last."""
        call = f'{{"name": "look_up", "arguments": {{"word": "w{number}"}}}}'
        return Reply(text=f"<tool_call>\n{call}\n</tool_call>", finish_reason="stop", usage=USAGE)


class Captured(Working):
    """Tells the tokens of its replies and of what it was asked."""

    def turn(self, number: int) -> Reply:
        """Give a reply that is not the last."""
        call = ToolCall(f"call_{number}", "look_up", f'{{"word":"w{number}"}}')
        ids = (1, 2, number)
        return Reply(calls=(call,), usage=USAGE, token_ids=ids, prompt_token_ids=(7, *ids))


class Failing(Working):
    """Fails before every reply."""

    def __init__(self, turns: int) -> None:
        super().__init__(turns)
        self._is_up = True

    async def reply(self, request: Request) -> Reply:
        """Fail, or give the next reply of the session that asks."""
        self._is_up = not self._is_up
        if not self._is_up:
            raise EndpointError(Failure("server", error="busy"))
        return await super().reply(request)


class Looking(Working):
    """Notes how many objects there are when certain sessions ask first, and tasks at every request.

    Of sessions that come one after the other every second fails.

    Args:
        turns: replies of a session.
        moments: which sessions, by how many came before.
    """

    def __init__(self, turns: int, moments: tuple[int, ...] = ()) -> None:
        super().__init__(turns)
        self.objects: list[int] = []
        self.tasks: list[int] = []
        self._moments = moments
        self._sessions = 0

    async def reply(self, request: Request) -> Reply:
        """Give the next reply of the session that asks."""
        self.tasks.append(len(anyio.get_running_tasks()))
        if request.session not in self._asked:
            if self._sessions in self._moments:
                self.objects.append(objects())
            self._sessions += 1
        reply = await super().reply(request)
        if self._sessions % 2 == 0 and reply.text == "done":
            raise EndpointError(Failure("bad_request", error="too long"))
        return reply


@asynccontextmanager
async def opened(
    directory: Path, model: Working, sessions: int, **options: Any
) -> AsyncGenerator[Run]:
    """Open a run of so many sessions in a new folder at *directory*."""
    settings = Settings(**{**BARE, **options})
    rows = rows_of({"id": f"r{number}", "prompt": "look"} for number in range(sessions))
    source, shelf = Source(model, "working", "test"), load_shelf(settings, TOOLS)
    async with open_run(directory, rows, settings, source, shelf) as run:
        yield run


def run(directory: Path, model: Working, sessions: int = 1, **options: Any) -> Report:
    """Run so many sessions in a new folder at *directory*; gives what came of it."""

    async def finish() -> Report:
        async with opened(directory, model, sessions, **options) as run:
            return await run.finish()

    report = anyio.run(finish)
    assert report.balanced
    assert sum(report.statistics.outcomes.values()) == sessions
    return report


async def rows_of(rows: Iterable[dict[str, Any]]) -> AsyncIterator[Prompt | Reject]:
    """Read rows as a file would be read."""
    reading = Reading()
    for number, row in enumerate(rows, start=1):
        yield reading.row(number, encode(row))
