"""What a command behind bubblewrap costs, against a plain ``bash -c``, and how many run at once.

``python -m bench.sandbox`` prints one JSON line. CPU is that of this process and of all that it
starts, in milliseconds: plain commands by asyncio's subprocesses, and the same commands in a
sandbox that is open; medians of interleaved rounds with the least and the most. What a sandbox
costs that is opened, runs a command and is closed is ``open_close``, less that command. Then
``sessions`` sandboxes run a command for each turn of a model, and ``lag`` says by how many
milliseconds a task of the same event loop that only sleeps woke up too late. ``opening`` is the
same while all start at once, ``saturated`` where no session ever waits for a model, which measures
how the system shares its processors out, and ``saturated_plain`` that with plain commands.

What is left behind by a process is waited for here, by ``PR_SET_CHILD_SUBREAPER``, or its CPU would
be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import resource
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeAlias

import anyio

from hermes_run.sandboxes.bubblewrap import Bubblewrap
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.workspaces import remove_tree

LINES = {"nothing": ":", "program": "ls -l / | wc -l"}
REPEATS, COMMANDS = 7, 60
SESSIONS, ROUNDS = 64, 5
TICK_S = 0.005

PAUSE_S = 1.0
"""How long a model's turn takes between two commands of a session: that is quick."""

GONE_S = 10.0

_PR_SET_CHILD_SUBREAPER = 36

Figures: TypeAlias = dict[str, float]


def spent() -> float:
    """Give the CPU seconds of this process and of what it started; all of that must have ended."""
    latest = time.monotonic() + GONE_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < latest:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.002)
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


@contextlib.asynccontextmanager
async def opened(wall: Bubblewrap, folder: Path) -> AsyncGenerator[Sandbox]:
    """Open a sandbox on new folders, and remove them."""
    site = Site(folder / "workspace", folder / "scratch")
    for path in (folder, site.folder, site.scratch):
        path.mkdir(mode=0o700)
    async with wall.open(site) as sandbox:
        yield sandbox
    remove_tree(folder)


async def plainly(line: str, count: int) -> None:
    """Run commands by asyncio's subprocesses."""
    for _ in range(count):
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await process.communicate()


async def behind(wall: Bubblewrap, folder: Path, line: str, count: int) -> float:
    """Run commands in a sandbox of their own; give the CPU seconds of all, and of opening it."""
    begun = spent()
    async with opened(wall, folder) as sandbox:
        for _ in range(count):
            await work(sandbox, line)
    return spent() - begun


async def work(sandbox: Sandbox, line: str) -> None:
    """Run one command, which must end well."""
    finished = await sandbox.run(Command(line, timeout_s=60.0, limit=10_000))
    if finished.exit_code != 0:
        raise RuntimeError(f"{line!r} did not end well: {finished}")


async def compare(wall: Bubblewrap, folder: Path, repeats: int) -> dict[str, Any]:
    """Compare commands with and without a sandbox; they take turns."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LINES}
    for repeat in range(repeats + 1):
        for name, line in LINES.items():
            one = await behind(wall, folder / "one", line, 1)
            all_of_them = await behind(wall, folder / "all", line, COMMANDS + 1)
            begun = spent()
            await plainly(line, COMMANDS)
            plain = (spent() - begun) / COMMANDS
            each = (all_of_them - one) / COMMANDS
            if repeat:  # the first round loads what the others find
                found[name].append((plain, each, one - each))
    return {name: compared(rounds) for name, rounds in found.items()}


def compared(rounds: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """Tell what the rounds of one kind of command came to."""
    plain, each, opening = (list(column) for column in zip(*rounds, strict=True))
    ratios = [b / a for a, b in zip(plain, each, strict=True)]
    return {
        "plain": spread([value * 1e3 for value in plain]),
        "bwrap": spread([value * 1e3 for value in each]),
        "ratio": spread(ratios),
        "open_close": spread([value * 1e3 for value in opening]),
    }


def spread(values: Sequence[float]) -> Figures:
    """Give the median, the least and the most."""
    figures = {"median": median(values), "least": min(values), "most": max(values)}
    return {name: round(value, 3) for name, value in figures.items()}


async def crowd(wall: Bubblewrap, folder: Path, sessions: int) -> dict[str, Any]:
    """Let many sessions run commands at once, and see how late the event loop is meanwhile."""
    async with contextlib.AsyncExitStack() as stack:
        sandboxes = [
            await stack.enter_async_context(opened(wall, folder / str(number)))
            for number in range(sessions)
        ]
        async with watched() as opening, anyio.create_task_group() as tasks:
            for sandbox in sandboxes:
                tasks.start_soon(work, sandbox, ":")
        async with watched() as paced, anyio.create_task_group() as tasks:
            for number, sandbox in enumerate(sandboxes):
                tasks.start_soon(take_turns, sandbox, PAUSE_S * number / sessions)
        begun = time.perf_counter()
        async with watched() as busy, anyio.create_task_group() as tasks:
            for sandbox in sandboxes:
                tasks.start_soon(keep_working, sandbox)
        took = time.perf_counter() - begun
    async with watched() as plain, anyio.create_task_group() as tasks:
        for _ in range(sessions):
            tasks.start_soon(plainly, LINES["program"], ROUNDS)
    return {
        "sessions": sessions,
        "lag": late(paced),
        "opening": late(opening),
        "saturated": {**late(busy), "commands_per_s": round(sessions * ROUNDS / took)},
        "saturated_plain": late(plain),
    }


async def take_turns(sandbox: Sandbox, offset: float) -> None:
    """Run commands as a session does: after each the model has its turn."""
    await anyio.sleep(offset)
    for _ in range(ROUNDS):
        await work(sandbox, LINES["program"])
        await anyio.sleep(PAUSE_S)


async def keep_working(sandbox: Sandbox) -> None:
    """Run one command after the other."""
    for _ in range(ROUNDS):
        await work(sandbox, LINES["program"])


@contextlib.asynccontextmanager
async def watched() -> AsyncGenerator[list[float]]:
    """Note how late the event loop is, in seconds, for as long as this is open."""
    found: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.perf_counter()
            await anyio.sleep(TICK_S)
            found.append(time.perf_counter() - begun - TICK_S)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield found
        tasks.cancel_scope.cancel()


def late(lags: Sequence[float]) -> Figures:
    """Give what half, 99 of 100 and all are below, in milliseconds."""
    parts = quantiles(lags, n=100, method="inclusive")
    figures = {"p50": parts[49], "p99": parts[98], "max": max(lags)}
    return {name: round(value * 1e3, 2) for name, value in figures.items()}


async def measure(repeats: int, sessions: int) -> dict[str, Any]:
    """Measure all."""
    wall = Bubblewrap(Allowance())
    with tempfile.TemporaryDirectory() as folder:
        commands = await compare(wall, Path(folder), repeats)
        crowded = await crowd(wall, Path(folder), sessions)
    return {"cpu_ms": commands, **crowded}


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    asked = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answer = anyio.run(measure, asked.repeats, asked.sessions)
    user = "root" if os.geteuid() == 0 else "ordinary"
    print(json.dumps({"bench": "sandbox", "user": user, "repeats": asked.repeats, **answer}))


if __name__ == "__main__":
    main()
