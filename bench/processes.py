"""The same sessions in one process and in two: how many a second, and who used how much CPU."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import msgspec
import psutil

from bench.server import Server
from bench.sessions import TURNS, opened, settings_for
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.tools.own import load_tools
from recorder.events import Event, SessionEnded
from recorder.json_text import encode

FROM, TO = 0.25, 0.9
"""The part of a run in which sessions are counted."""


class Spent(msgspec.Struct, frozen=True):
    """How the sessions of a run came to their end: so many a second, at so much CPU each, in ms."""

    sessions_per_s: float
    head: float
    workers: float
    server: float


class _Mark(msgspec.Struct, frozen=True):
    at: float
    ended: int
    head: float
    workers: float
    server: float


async def rows(count: int) -> AsyncGenerator[Prompt | Reject]:
    """Give so many rows, read as those of a file are."""
    reading = Reading(None)
    for number in range(1, count + 1):
        prompt = f"Find out why build {number} failed, and say what to change."
        yield reading.row(number, encode({"prompt": prompt}))


class Load(msgspec.Struct, frozen=True):
    """So many sessions at once, of so many."""

    at_once: int
    sessions: int


async def run_with(workers: int, server: Server, load: Load, folder: Path) -> Spent:
    """Run the sessions of a load with so many processes."""
    sessions = load.sessions
    settings = dataclasses.replace(
        settings_for(server.url(TURNS), load.at_once),
        workers=workers,
        tools=("bench.sessions:LOOKUP",),
    )
    async with opened(folder, settings, rows(sessions), load_tools(settings.tools)) as (run, _):
        marks = Marks(server, sessions)
        run.record.send_also_to(marks)
        report = await run.finish()
    if report.statistics.outcomes != {"completed": sessions}:
        raise SystemExit(f"sessions went wrong: {report.statistics.outcomes}")
    first, last = marks.noted
    ended = last.ended - first.ended
    return Spent(
        sessions_per_s=ended / (last.at - first.at),
        head=(last.head - first.head) / ended * 1e3,
        workers=(last.workers - first.workers) / ended * 1e3,
        server=(last.server - first.server) / ended * 1e3,
    )


class Marks:
    """A sink that notes how things stand when a run is a quarter done, and when it is nearly done.

    Args:
        server: what is asked for its CPU seconds.
        sessions: how many the run has.
    """

    def __init__(self, server: Server, sessions: int) -> None:
        self.noted: list[_Mark] = []
        self._server = server
        self._due = [math.ceil(part * sessions) for part in (FROM, TO)]
        self._ended = 0

    async def __call__(self, event: Event) -> None:
        """Count the sessions that have ended."""
        self._ended += isinstance(event, SessionEnded)
        if self._due and self._ended >= self._due[0]:
            del self._due[0]
            self._note()

    def _note(self) -> None:
        workers = sum(_cpu_s(child) for child in psutil.Process().children())
        now, head, server = time.monotonic(), time.process_time(), self._server.cpu_s()
        self.noted.append(_Mark(now, self._ended, head, workers, server))


def _cpu_s(process: psutil.Process) -> float:
    """Give the CPU seconds of a worker; the server is another child, and none of them."""
    if "hermes_run.workers" not in process.cmdline():
        return 0.0
    used = process.cpu_times()
    return used.user + used.system


class Compared(msgspec.Struct, frozen=True):
    """What the same sessions took with one process and with two workers, one a repeat."""

    load: Load
    alone: list[Spent]
    together: list[Spent]


def compare(server: Server, repeats: int, load: Load) -> Compared:
    """Run with one process and with two workers in turn."""
    alone: list[Spent] = []
    together: list[Spent] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            for workers, spent in ((1, alone), (2, together)):
                place = Path(folder) / f"{number}-{workers}"
                spent.append(anyio.run(run_with, workers, server, load, place))
    return Compared(load, alone, together)
