"""How far a run scales: with worker processes, and with sessions at once.

``python -m bench.scale`` asks two things. *Two workers to one* is how many whole sessions a second
come to their end with ``--workers 2``, divided by how many do with one process, which is the
default and has no workers beside it; the rest of the run is the same, and a server in a process of
its own answers at once. Sessions are counted from a quarter of a run to nine tenths of it, so that
neither starting processes nor the last few are in it. The machine has to have two cores to itself;
``free_cores`` in the checks is the same ratio for processes that share nothing and only count, and
``ms_a_session`` says who used how much CPU: the process that was started, its workers, the server.

The *curve* is replies a second against sessions at once, in one process, from a model that takes
half a second for a reply. It grows with the sessions until the processor is full: the knee is the
last point that is within a fifth of a straight line.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from statistics import median

import anyio
import msgspec
import psutil

from bench.answer import Answer, Curve, Figure, arguments, at_least, at_most, parsed, ratios, tell
from bench.server import CHUNKS, Server, open_server
from bench.sessions import TURNS, open_ours, opened, settings_for
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.tools.own import load_tools
from recorder.events import Event, SessionEnded
from recorder.json_text import encode

CONCURRENCY = 64
SESSIONS = 3200
FROM, TO = 0.25, 0.9
"""The part of a run in which sessions are counted."""

FLOOR = 1.8
CURVE = (1, 8, 32, 64, 128, 256, 512, 1000, 2000)
REPLY_S = 0.5
STRAIGHT = 0.8
BURST, LEAST = 4, 512
"""Sessions for each place in a burst, where these are not more than so many or than the places:
replies take unequally long, and the last few sessions of a burst have places beside them empty."""

REPEATS_OF_CURVE = 2
"""A point of the curve takes long, and only its shape is looked at."""

_COUNT = """
import time
ended, n = time.monotonic() + {0}, 0
while time.monotonic() < ended:
    n += 1
print(n)
"""


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


# --- worker processes ----------------------------------------------------------------------------


async def rows(count: int) -> AsyncGenerator[Prompt | Reject]:
    """Give so many rows, read as those of a file are."""
    reading = Reading(None)
    for number in range(1, count + 1):
        prompt = f"Find out why build {number} failed, and say what to change."
        yield reading.row(number, encode({"prompt": prompt}))


async def run_with(workers: int, server: Server, sessions: int, folder: Path) -> Spent:
    """Run so many sessions with so many processes."""
    settings = dataclasses.replace(
        settings_for(server.url(TURNS), CONCURRENCY),
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


def free_cores(seconds: float) -> float:
    """Give how many times as far two processes count together as one does alone."""
    return sum(_counts(2, seconds)) / _counts(1, seconds)[0]


def _counts(processes: int, seconds: float) -> list[int]:
    command = [sys.executable, "-c", _COUNT.format(seconds)]
    counting = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return [int(one.communicate()[0]) for one in counting]


def compare(server: Server, repeats: int, sessions: int) -> tuple[list[Spent], list[Spent]]:
    """Run with one process and with two workers in turn."""
    alone: list[Spent] = []
    together: list[Spent] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            for workers, spent in ((1, alone), (2, together)):
                place = Path(folder) / f"{number}-{workers}"
                spent.append(anyio.run(run_with, workers, server, sessions, place))
    return alone, together


# --- sessions at once ----------------------------------------------------------------------------


async def pace_at(concurrency: int, server: Server, repeats: int, folder: Path) -> float:
    """Give replies a second with so many sessions at once, after a warm-up."""
    url = server.url(TURNS, REPLY_S / CHUNKS)
    found: list[float] = []
    sessions = max(concurrency, min(BURST * concurrency, LEAST))
    async with open_ours(url, concurrency, folder) as ours:
        await ours.run(concurrency)
        for _ in range(repeats):
            begun = time.monotonic()
            await ours.run(sessions)
            found.append(sessions * TURNS / (time.monotonic() - begun))
    return median(found)


def curve(server: Server, repeats: int, among: Sequence[int]) -> list[tuple[float, float]]:
    """Give replies a second for each number of sessions."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            (each, anyio.run(pace_at, each, server, repeats, Path(folder) / str(each)))
            for each in among
        ]


def knee(points: Sequence[tuple[float, float]]) -> float:
    """Give the most sessions at once of which each is still about as fast as the first was."""
    one = points[0][1] / points[0][0]
    return max(at for at, pace in points if pace >= STRAIGHT * one * at)


# --- the answer ----------------------------------------------------------------------------------


def figures(
    alone: Sequence[Spent], together: Sequence[Spent], points: Sequence[tuple[float, float]]
) -> tuple[Figure, ...]:
    """Say what was found."""
    one, two = ([each.sessions_per_s for each in spent] for spent in (alone, together))
    best = max(pace for _, pace in points)
    return (
        at_least("two workers to one", "x", ratios(two, one), FLOOR),
        at_most("sessions a second, one process", "/s", one),
        at_most("sessions a second, two workers", "/s", two),
        at_most("knee of the curve", "sessions", [knee(points)]),
        at_most("replies a second at best", "/s", [best]),
        at_most(f"replies a second at {points[-1][0]:,}", "/s", [points[-1][1]]),
    )


def _each(spent: Sequence[Spent]) -> dict[str, float]:
    return {
        name: round(median(getattr(one, name) for one in spent), 3)
        for name in ("head", "workers", "server")
    }


def measure(asked: argparse.Namespace) -> Answer:
    """Measure everything."""
    repeats, sessions = asked.repeats, asked.sessions
    free = [free_cores(asked.seconds) for _ in range(repeats)]
    with open_server() as server:
        alone, together = compare(server, repeats, sessions)
        points = curve(server, min(repeats, REPEATS_OF_CURVE), asked.concurrency)
    return Answer(
        bench="scale",
        repeats=repeats,
        inputs={"sessions": sessions, "at_once": CONCURRENCY, "turns": TURNS, "reply_s": REPLY_S},
        figures=figures(alone, together, points),
        curves=(Curve("one process", "sessions at once", "replies a second", tuple(points)),),
        checks={
            "free_cores": round(median(free), 3),
            "ms_a_session": {"one": _each(alone), "two": _each(together)},
        },
    )


def main() -> None:
    """Measure and print one line."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--concurrency", type=int, nargs="+", default=CURVE)
    parser.add_argument("--seconds", type=float, default=1.0, help="to count, on free cores")
    asked = parsed(parser)
    if asked.quick:
        asked.sessions, asked.seconds = 128, 0.1
        asked.concurrency = (1, 8)
    tell(measure(asked))


if __name__ == "__main__":
    main()
