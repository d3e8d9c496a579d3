"""What one process holds in memory: with sessions in flight, and while a million prompts go by.

:mod:`bench.memory` starts it anew for each measurement, as ``python -m bench.resident TASK SIZE``;
it prints one JSON line. ``hold`` brings SIZE sessions to their third turn, where they wait for a
model of this process, or for a reply that streams from the server at ``--url``; ``prompts`` runs
SIZE sessions, the smallest that there are, from a file.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel

from bench.server import TOOL
from bench.sessions import opened
from hermes_run.cli.process import allow_many_files
from hermes_run.config import Settings
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import read_prompts
from hermes_run.run import Run
from recorder.events import Event, ModelReplied, SessionEnded, SessionStarted, ToolReturned
from recorder.json_text import encode
from recorder.messages import Json, ToolCall, Usage

CONCURRENCY = 256
TURN, TURNS = 3, 12
"""The turn in which sessions wait, and more than any gets to while the others come to theirs."""

LOOKS = (1, 2, 5, 10, 20, 50, 100)
"""When it is looked, in hundredths of all prompts: the first time at 10,000 of a million."""

LOOK_S = 0.1
SPENT = Usage(input=900, output=40)
"""Without it tokens would be counted, which loads tables of 40 MB."""

Found: TypeAlias = dict[str, Any]


class Waiting:
    """A model that calls a tool twice and then never answers; ``held`` sessions wait for it."""

    def __init__(self) -> None:
        self.held = 0

    async def reply(self, request: Request) -> Reply:
        """Give a call, or nothing ever."""
        await anyio.lowlevel.checkpoint()
        if len(request.messages) < 2 * TURN - 1:
            text = '{"text": "word and word and word"}'
            call = ToolCall(f"call_{len(request.messages)}", TOOL, text)
            return Reply(calls=(call,), finish_reason="tool_calls", usage=SPENT)
        self.held += 1
        await anyio.sleep_forever()
        raise AssertionError


class Tiny:
    """A model that answers at once, and little."""

    async def reply(self, request: Request) -> Reply:
        """Say little."""
        await anyio.lowlevel.checkpoint()
        return Reply(text=request.model, finish_reason="stop", usage=SPENT)


class Streaming:
    """A sink that counts the sessions that have come to their third turn, and the ``history``."""

    def __init__(self) -> None:
        self.held = self.history = 0
        self._results: dict[str, int] = {}

    async def __call__(self, event: Event) -> None:
        """Note *event*."""
        if isinstance(event, SessionStarted | ModelReplied | ToolReturned):
            self.history += len(encode(said(event)))
        if isinstance(event, ToolReturned):
            count = self._results[event.session] = self._results.get(event.session, 0) + 1
            self.held += count == TURN - 1


def said(event: SessionStarted | ModelReplied | ToolReturned) -> Json:
    """Give what an event adds to what the model reads."""
    if isinstance(event, ModelReplied):
        return [event.text, [[call.id, call.name, call.arguments] for call in event.calls]]
    if isinstance(event, SessionStarted):
        return [message.content for message in event.messages]
    return event.output


class Ends:
    """A sink that looks at the memory when so many sessions have ended."""

    def __init__(self, prompts: int) -> None:
        self.seen: list[tuple[int, int, int]] = []
        self._left = sorted({prompts * part // 100 for part in LOOKS}, reverse=True)
        self._ended = 0

    async def __call__(self, event: Event) -> None:
        """Note *event*."""
        if isinstance(event, SessionEnded):
            self._ended += 1
            if self._left and self._ended >= self._left[-1]:
                self.seen.append((self._left.pop(), *memory()))


def memory() -> tuple[int, int]:
    """Give what is resident of this process, and the most that ever was, in bytes."""
    now = _field("smaps_rollup", "Rss:")
    return now, _field("status", "VmHWM:")


def _field(file: str, name: str) -> int:
    lines = Path(f"/proc/self/{file}").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


@asynccontextmanager
async def reading(
    folder: Path, prompts: int, concurrency: int, source: Source | None, url: str = ""
) -> AsyncGenerator[Run]:
    """Open a run of so many prompts, from a file, on *source* or on the server at *url*."""
    path = folder / "prompts.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"prompt": "Is {number} a number?"}}\n' for number in range(prompts))
    settings = Settings(
        model="bench",
        base_url=(url,) if url else (),
        concurrency=concurrency,
        toolsets=(),
        sandbox="none",
        max_turns=TURNS,
    )
    async with opened(folder / "run", settings, read_prompts(path), source=source) as (run, _):
        yield run


async def hold(sessions: int, url: str, folder: Path) -> Found:
    """Give the bytes that each of so many *sessions* in flight takes, and those of its history."""
    waiting, streaming = Waiting(), Streaming()
    source = None if url else Source(waiting, "bench", "python")
    found: Found = {"running": 0}
    async with reading(folder, sessions, sessions, source, url) as run:
        run.record.send_also_to(streaming)
        gc.collect()
        idle, _ = memory()
        async with anyio.create_task_group() as engine:
            engine.start_soon(run.finish)
            await _until_all_are_in(streaming if url else waiting, sessions)
            gc.collect()
            full, _ = memory()
            each = {"each": (full - idle) / sessions, "history": streaming.history / sessions}
            found |= {**each, "idle": idle, "running": run.record.statistics.value().running}
            engine.cancel_scope.cancel()
    if found["running"] != sessions:
        raise SystemExit(f"{found['running']} of {sessions} sessions were in flight")
    return found


async def _until_all_are_in(counted: Waiting | Streaming, sessions: int) -> None:
    while counted.held < sessions:  # noqa: ASYNC110  # it is looked at from outside
        await anyio.sleep(LOOK_S)


async def stream_in(prompts: int, folder: Path) -> Found:
    """Run so many *prompts*; gives the memory now and then, and what a session took."""
    ends, began = Ends(prompts), time.process_time()
    async with reading(folder, prompts, CONCURRENCY, Source(Tiny(), "bench", "python")) as run:
        run.record.send_also_to(ends)
        report = await run.finish()
        spent = time.process_time() - began
    if report.statistics.outcomes != {"completed": prompts}:
        raise SystemExit(f"the sessions went wrong: {report.statistics}")
    return {"seen": ends.seen, "ms": spent / prompts * 1e3}


def main() -> None:
    """Measure one thing, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("hold", "prompts"))
    parser.add_argument("size", type=int)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.task == "prompts":
            found = anyio.run(stream_in, asked.size, Path(folder))
        else:
            allow_many_files()
            found = anyio.run(hold, asked.size, asked.url, Path(folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
