"""What it takes to go on with a large run, most of whose sessions are done.

A run of 100,000 sessions, of four replies and about fifteen facts each, is made of a small one that
really ran (:mod:`bench.grown`), and ``hermes-run resume`` goes on with it in a process of its own.
CPU is that of all threads and children, memory is the peak of the largest process.

- *finished*: every session has ended, so all the work is to see that. The budget is 30 s, 500 MB.
- *parts*: the same without the command: reading the journal, comparing the prompts file with it,
  and looking at the rows; also one line of each, in microseconds, for what it grows with.
- ``in_flight``: one session in a hundred was cut off after its first reply and goes on against the
  simulated model with real tools, which is most of what that costs; once, to see that it does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing, asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import anyio

from bench.answer import Answer, Figure, arguments, at_most, parsed, tell
from bench.grown import command, grow
from hermes_run.config import Settings
from hermes_run.intake import Intake
from hermes_run.prompts import read_prompts
from hermes_run.resume import Choices, Rows, compare_rows
from hermes_run.tools.toolsets import load_shelf
from recorder.mending import mend
from recorder.run_directory import JOURNAL, TRAJECTORIES
from recorder.segment import segments
from recorder.standing import Standings, stand

SESSIONS, QUICK_SESSIONS = 100_000, 300
BUDGETS = {"wall": 30.0, "peak": 500.0}
"""Seconds and megabytes for a finished run of as many sessions."""

UNITS = {
    "wall": "s",
    "cpu": "s",
    "peak": "MB",
    "stand": "s",
    "compare": "s",
    "mend": "s",
    "stand, a line": "us",
    "compare, a row": "us",
    "mend, a row": "us",
}

Figures = dict[str, float]
Value = TypeVar("Value")


def resume(run: Path) -> Figures:
    """Go on with *run* through the real command; gives what that took."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command("resume", run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"hermes-run resume gave {child.returncode}")
    return {
        "wall": time.perf_counter() - begun,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
    }


def parts(run: Path, prompts: Path) -> Figures:
    """Do what a resumption does before anything goes on; gives the CPU of each part."""
    stand_s, standings = timed(lambda: stand(run / JOURNAL))
    compare_s, rows = timed(lambda: anyio.run(compare, standings, prompts))
    mend_s, made = timed(lambda: mend(run, standings))
    if (rows.begun, rows.going, rows.gone, made) != (0, 0, (), 0):
        raise SystemExit("the run was not finished")
    lines = sum(path.read_bytes().count(b"\n") for path in segments(run / JOURNAL))
    count = len(standings.sessions)
    return {
        "stand": stand_s,
        "compare": compare_s,
        "mend": mend_s,
        "stand, a line": stand_s / lines * 1e6,
        "compare, a row": compare_s / count * 1e6,
        "mend, a row": mend_s / count * 1e6,
    }


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    """Give the CPU that *work* takes, and what it gives."""
    begun = time.process_time()
    value = work()
    return time.process_time() - begun, value


async def compare(standings: Standings, prompts: Path) -> Rows:
    """Compare the prompts file with the record."""
    async with opened(prompts) as intake:
        return await compare_rows(intake, standings, Choices())


@asynccontextmanager
async def opened(prompts: Path) -> AsyncGenerator[Intake]:
    """Read a prompts file as a run does."""
    settings = Settings()
    async with aclosing(read_prompts(prompts)) as rows:
        yield Intake(rows, settings, load_shelf(settings))


def finished(count: int, repeats: int) -> tuple[list[Figures], Figures]:
    """Measure a run of *count* sessions that have all ended; gives each repeat, and the sizes."""
    found: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        run = grow(Path(folder), count, in_flight=0)
        prompts = Path(folder, "prompts.jsonl")
        sizes = {
            "journal": sum(path.stat().st_size for path in segments(run / JOURNAL)) / 2**20,
            "rows": (run / TRAJECTORIES).stat().st_size / 2**20,
            "prompts": prompts.stat().st_size / 2**20,
        }
        for _ in range(repeats):
            whole = resume(run)
            # Elsewhere: a child begins with the peak that its parent had when it was made.
            with ProcessPoolExecutor(1, get_context("spawn")) as apart:
                pieces = apart.submit(parts, run, prompts).result()
            found.append({**whole, **pieces})
    return found, sizes


def in_flight(count: int) -> Figures:
    """Measure a run of which one session in a hundred goes on."""
    with tempfile.TemporaryDirectory() as folder:
        run = grow(Path(folder), count, in_flight=max(1, count // 100))
        figures = resume(run)
        sessions = stand(run / JOURNAL).sessions.values()
        if not all(each.over for each in sessions):
            raise SystemExit("not all sessions went on to their end")
        going = sum(each.attempt == 2 for each in sessions)
    return {**figures, "went on": going}


def figures(count: int, repeats: Sequence[Figures]) -> tuple[Figure, ...]:
    """Lay what was measured beside the budget, which is for so many sessions at most."""
    budgets = BUDGETS if count <= SESSIONS else {}
    return tuple(
        at_most(
            f"{name}, {count:,} finished sessions",
            unit,
            [one[name] for one in repeats],
            budgets.get(name),
        )
        for name, unit in UNITS.items()
    )


def answer(asked: argparse.Namespace) -> Answer:
    """Measure all."""
    repeats, sizes = finished(asked.sessions, asked.repeats)
    return Answer(
        "resume",
        asked.repeats,
        {"sessions": asked.sessions},
        figures(asked.sessions, repeats),
        checks={"MB": sizes, "in_flight": in_flight(asked.sessions)},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--sessions", type=int)
    asked = parsed(parser)
    asked.sessions = asked.sessions or (QUICK_SESSIONS if asked.quick else SESSIONS)
    tell(answer(asked))


if __name__ == "__main__":
    main()
