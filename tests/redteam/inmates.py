"""The model of two sessions, and the runs that they are in: one that begins, one that goes on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from hermes_run import Settings, run_many
from hermes_run.intake import Intake
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.resume import Choices, Past, Resumption, compare_rows
from hermes_run.run import reopen_run
from hermes_run.run_json import read_run_json
from hermes_run.sandboxes.fencing import fence
from hermes_run.tools.toolsets import load_shelf
from recorder.json_text import encode
from recorder.messages import ToolCall, text_of
from recorder.run_directory import own_existing
from recorder.session import Session
from recorder.standing import stand
from recorder.steps import Step

PULSE_S = 0.05
"""How often the neighbour works where it is measured, in seconds."""


class Inmates:
    """A model of two sessions: one plays the attack call by call, one keeps its secret.

    With ``pulse`` the neighbour runs small commands meanwhile; ``worst_s`` is how long the slowest
    took. With ``dies_after`` this process kills itself so many seconds after the last call began.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._calls = list(order["calls"])
        self._secret = order["secret"]
        self._pulse = order["pulse"]
        self._dies_after = order["dies_after"]
        self._kept = anyio.Event()
        self._over = anyio.Event()
        self._asked = 0
        self._since: float | None = None
        self.worst_s = 0.0

    async def reply(self, request: Request) -> Reply:
        """Give the next step of whoever asks."""
        if request.session.startswith("attacker"):
            return await self._next_of_attack()
        self._asked += 1
        if self._asked == 1:
            return call("write_file", path="secret", content=self._secret)
        self._kept.set()
        if self._over.is_set():
            return self._leave()
        if self._pulse:
            return await self._beat()
        await self._over.wait()
        return self._leave()

    def let_go(self) -> None:
        """Tell the neighbour that the attack is over, even if it never began."""
        self._over.set()

    def _leave(self) -> Reply:
        if self._secret:
            self._secret = ""
            return call("read_file", path="secret")
        return Reply(text="done", finish_reason="stop")

    async def _beat(self) -> Reply:
        if self._since is not None:
            self.worst_s = max(self.worst_s, time.monotonic() - self._since)
        await anyio.sleep(PULSE_S)
        self._since = time.monotonic()
        return call("terminal", command="true")

    async def _next_of_attack(self) -> Reply:
        await self._kept.wait()
        if not self._calls:
            self._over.set()
            return Reply(text="done", finish_reason="stop")
        step = self._calls.pop(0)
        if self._dies_after is not None and not self._calls:
            threading.Timer(self._dies_after, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return call(step["name"], **step["arguments"])


def call(name: str, /, **arguments: Any) -> Reply:
    """Make a reply that asks for one tool."""
    made = ToolCall(f"call_{os.urandom(4).hex()}", name, json.dumps(arguments))
    return Reply(calls=(made,), finish_reason="tool_calls")


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run both sessions, or go on with them, and give what came of them."""
    model = Inmates(order)
    ended: dict[str, Any] = {}
    lags = [0.0]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_watch_the_loop, lags)
        opening = go_on(order, model) if order["resume"] else begin(order, model)
        async with aclosing(opening) as sessions:
            async for session in sessions:
                name = session.id.partition("-")[0]
                ended[name] = told(session)
                if name == "attacker":
                    model.let_go()
        tasks.cancel_scope.cancel()
    return {**ended, "worst_s": model.worst_s, "lag_s": max(lags)}


async def _watch_the_loop(lags: list[float]) -> None:
    while True:
        since = time.monotonic()
        await anyio.sleep(PULSE_S)
        lags.append(time.monotonic() - since - PULSE_S)


def begin(order: dict[str, Any], model: Inmates) -> AsyncGenerator[Session]:
    """Run both sessions from their beginning."""
    return run_many(order["rows"], model=model, record=order["record"], **order["settings"])


async def go_on(order: dict[str, Any], model: Inmates) -> AsyncGenerator[Session]:
    """Go on with both as the command does, in a process that knows nothing of the one before."""
    async with reopened(order, model) as run:
        send, receive = anyio.create_memory_object_stream[Session](8)
        async with send, receive:
            await run.finish(send)
            while receive.statistics().current_buffer_used:
                yield receive.receive_nowait()


@asynccontextmanager
async def reopened(order: dict[str, Any], model: Inmates) -> AsyncGenerator[Any]:
    """End what the process before left behind, and open its run again."""
    settings = Settings(**{**order["settings"], "model": "inmates"})
    directory, shelf = Path(order["record"]), load_shelf(settings, ())
    rejects, source = directory / "rejects.draft", Source(model, "inmates", "python")
    async with own_existing(directory):
        document, standings = read_run_json(directory), stand(directory / "journal")
        await fence(standings.run, directory)
        intake = Intake(_prompts(order["rows"]), settings, shelf)
        rows = await compare_rows(intake, standings, Choices())
        rejects.touch()
        past = Past(document, standings, rows, {}, {}, rejects)
        left = Resumption(directory, past, Choices())
        prompts = _prompts(order["rows"])
        async with reopen_run(directory, prompts, settings, source, shelf, left) as run:
            yield run


async def _prompts(rows: list[dict[str, Any]]) -> AsyncIterator[Prompt | Reject]:
    reading = Reading()
    for number, row in enumerate(rows, start=1):
        yield reading.row(number, encode(row))


def told(session: Session) -> dict[str, Any]:
    """What a session came to, as JSON."""
    results = [
        {"output": text_of(result.output), "flags": list(result.flags)}
        | {name: getattr(result, name) for name in ("status", "exit_code", "bytes")}
        for step in session.turns
        if isinstance(step, Step)
        for result in step.results
    ]
    end = session.ended
    return {
        "outcome": end and end.outcome,
        "error": end and end.error,
        "results": results,
        "rewards": session.rewards,
    }
