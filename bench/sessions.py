"""Whole sessions in bursts, through the real engine.

A run is opened once and asked for so many sessions again and again, so that neither opening it nor
the slow start of its requests is in what is measured. :func:`spend` does that for any client.
"""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from bench.server import TOOL
from hermes_run import Context, tool
from hermes_run.config import Settings
from hermes_run.models.opening import open_source
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.run import Run, open_run
from hermes_run.throttle.gate import Gate
from hermes_run.tools.opening import open_stock
from hermes_run.tools.tool import Tool
from recorder.json_text import encode
from recorder.session import Session
from recorder.steps import Step

TURNS = 4
PACE_A_SESSION_S = 0.0003
"""Between two chunks of one stream, for each session: at any number of them the same load."""

RESULT = "drwxr-xr-x 2 build build 4096 parser.py: the header was not found in line 117\n" * 19
"""What the tool gives: 1.5 KB, as a listing or the end of a log."""

_LOOK_S = 0.1


async def lookup(text: str) -> str:
    """Look something up."""
    return RESULT if text else ""


async def look_around(text: str, context: Context) -> str:
    """Look something up; whoever takes a context has a workspace and a sandbox."""
    del context
    return RESULT if text else ""


LOOKUP = tool(effect="pure")(lookup)
LOOK_AROUND = tool(effect="pure", name=TOOL)(look_around)


class Client(Protocol):
    """Something that runs whole sessions; ``most`` requests at once is what it has reached."""

    most: int

    async def run(self, sessions: int) -> None:
        """Run so many sessions to their end."""
        ...


async def spend(client: Client, sessions: int) -> float:
    """Run so many *sessions*; gives CPU milliseconds a session, threads included."""
    gc.collect()
    started = time.process_time()
    await client.run(sessions)
    return (time.process_time() - started) / sessions * 1e3


def pace(concurrency: int) -> float:
    """Give the seconds between two chunks that suit so many sessions at once."""
    return PACE_A_SESSION_S * concurrency


# --- ours ----------------------------------------------------------------------------------------


class Ours:
    """An open run that gets its prompts when they are asked for; made by :func:`driving`."""

    def __init__(
        self,
        wanted: ObjectSendStream[int],
        finished: ObjectReceiveStream[Session],
        gate: Gate | None,
    ) -> None:
        self.most = 0
        self._wanted = wanted
        self._finished = finished
        self._gate = gate

    async def run(self, sessions: int) -> None:
        """Run so many sessions to their end, rows included."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._look)
            await self._wanted.send(sessions)
            for _ in range(sessions):
                _check(await self._finished.receive())
            beside.cancel_scope.cancel()

    async def _look(self) -> None:
        """Note now and then how many requests are on their way."""
        while self._gate:
            self.most = max(self.most, sum(lane.in_flight for lane in self._gate.lanes))
            await anyio.sleep(_LOOK_S)


def _check(session: Session) -> None:
    replies = sum(isinstance(turn, Step) for turn in session.turns)
    if session.ended is None or session.ended.outcome != "completed" or replies != TURNS:
        raise SystemExit(f"a session went wrong: {session.ended}")


class Prompts:
    """Rows that come when so many are asked for, read as ``run_many`` reads them."""

    def __init__(self) -> None:
        self.send, self._receive = anyio.create_memory_object_stream[int](1)

    async def rows(self) -> AsyncGenerator[Prompt | Reject]:
        """Give rows until ``send`` is closed."""
        reading, numbers = Reading(None), itertools.count(1)
        async with self._receive:
            async for count in self._receive:
                for number in itertools.islice(numbers, count):
                    prompt = f"Find out why build {number} failed, and say what to change."
                    yield reading.row(number, encode({"prompt": prompt}))


@asynccontextmanager
async def driving(run: Run, prompts: Prompts, source: Source) -> AsyncGenerator[Ours]:
    """Drive an open *run* by what is asked for; it ends with the block."""
    send, receive = anyio.create_memory_object_stream[Session]()

    async def finish() -> None:
        async with send:
            await run.finish(send)

    async with receive, anyio.create_task_group() as engine:
        engine.start_soon(finish)
        async with prompts.send:
            yield Ours(prompts.send, receive, source.door.gate if source.door else None)


def settings_for(url: str, concurrency: int) -> Settings:
    """Give the settings of a run without tool processes and without a display."""
    return Settings(
        model="bench",
        base_url=(url,),
        concurrency=concurrency,
        toolsets=(),
        sandbox="none",
        progress="none",
    )


@asynccontextmanager
async def opened(
    folder: Path,
    settings: Settings,
    rows: AsyncGenerator[Prompt | Reject],
    tools: Sequence[Tool] = (LOOKUP,),
    source: Source | None = None,
) -> AsyncGenerator[tuple[Run, Source]]:
    """Open a run in *folder* as ``run_many`` does; gives it and where its replies come from.

    Args:
        folder: the run directory, which must not exist.
        settings: those of the run.
        rows: its prompts.
        tools: those of the bench.
        source: where replies come from, if not from where the settings say.
    """
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(open_stock(settings, tools))
        source = source or await stack.enter_async_context(open_source(settings))
        read = await stack.enter_async_context(aclosing(rows))
        opening = open_run(folder, read, settings, source, stock.shelf)
        yield await stack.enter_async_context(opening), source


@asynccontextmanager
async def open_ours(
    url: str, concurrency: int, folder: Path, tool: Tool = LOOKUP
) -> AsyncGenerator[Client]:
    """Open a run in *folder* that runs sessions when they are asked for."""
    settings, prompts = settings_for(url, concurrency), Prompts()
    async with (
        opened(folder, settings, prompts.rows(), [tool]) as (run, source),
        driving(run, prompts, source) as ours,
    ):
        yield ours
