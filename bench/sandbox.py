"""What a command behind bubblewrap costs, against a plain ``bash -c``, and how many run at once.

CPU is that of this process and of all that it starts, in milliseconds: plain commands by asyncio's
subprocesses, and the same commands in a sandbox that is open, in interleaved rounds; a command that
does nothing, and one that starts two programs. What a sandbox costs that is opened, runs a command
and is closed is *open and close*, less that command. Then as many sandboxes as sessions run a
command for each turn of a model, and *lag* says how late a task of the same event loop that only
sleeps woke up. *Opening* is the same while all start at once, *saturated* where no session ever
waits for a model, which measures how the system shares its processors out, and *saturated plain*
that with plain commands. Where no such sandbox can be opened, that is said.

What is left behind by a process is waited for here, by ``PR_SET_CHILD_SUBREAPER``, or its CPU would
be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from statistics import quantiles

import anyio
import msgspec

from bench.answer import Answer, Figure, arguments, at_most, parsed, tell
from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.bubblewrap import Bubblewrap
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.workspaces import remove_tree

LINES = {"nothing": ":", "program": "ls -l / | wc -l"}
TO_PLAIN, LAG_MS = 2.0, 50.0
REPEATS = 7
TICK_S = 0.005

GONE_S = 10.0

_PR_SET_CHILD_SUBREAPER = 36


class Load(msgspec.Struct, frozen=True):
    """What is measured: commands one after the other, and commands of many sessions at once.

    ``pause_s`` is how long a model's turn takes between two commands of a session.
    """

    commands: int = 60
    sessions: int = 64
    rounds: int = 5
    pause_s: float = 1.0  # that is quick


QUICK = Load(commands=6, sessions=6, rounds=1, pause_s=0.1)

Lags = dict[str, list[float]]
"""How late the event loop was, in milliseconds, and what else crowds came to, one after another."""


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


async def compare(wall: Bubblewrap, folder: Path, repeats: int, commands: int) -> list[Figure]:
    """Compare commands with and without a sandbox; they take turns."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LINES}
    for repeat in range(repeats + 1):
        for name, line in LINES.items():
            one = await behind(wall, folder / "one", line, 1)
            all_of_them = await behind(wall, folder / "all", line, commands + 1)
            begun = spent()
            await plainly(line, commands)
            plain = (spent() - begun) / commands
            each = (all_of_them - one) / commands
            if repeat:  # the first round loads what the others find
                found[name].append((plain, each, one - each))
    return [figure for name, rounds in found.items() for figure in compared(name, rounds)]


def compared(name: str, rounds: Sequence[tuple[float, float, float]]) -> list[Figure]:
    """Tell what the rounds of one kind of command came to."""
    plain, each, opening = (list(column) for column in zip(*rounds, strict=True))
    ratios = [behind / bare for bare, behind in zip(plain, each, strict=True)]
    return [
        at_most(f"bwrap / plain, {name}", "", ratios, TO_PLAIN),
        at_most(f"plain, {name}", "ms", [value * 1e3 for value in plain]),
        at_most(f"bwrap, {name}", "ms", [value * 1e3 for value in each]),
        at_most(f"open and close, {name}", "ms", [value * 1e3 for value in opening]),
    ]


async def crowd(wall: Bubblewrap, folder: Path, load: Load, found: Lags) -> None:
    """Let many sessions run commands at once, and see how late the event loop is meanwhile."""
    async with contextlib.AsyncExitStack() as stack:
        sandboxes = [
            await stack.enter_async_context(opened(wall, folder / str(number)))
            for number in range(load.sessions)
        ]
        async with watched("opening", found), anyio.create_task_group() as tasks:
            for sandbox in sandboxes:
                tasks.start_soon(work, sandbox, ":")
        async with watched("lag", found), anyio.create_task_group() as tasks:
            for number, sandbox in enumerate(sandboxes):
                tasks.start_soon(take_turns, sandbox, load, number)
        begun = time.perf_counter()
        async with watched("saturated", found), anyio.create_task_group() as tasks:
            for sandbox in sandboxes:
                tasks.start_soon(keep_working, sandbox, load)
        rate = load.sessions * load.rounds / (time.perf_counter() - begun)
        found.setdefault("saturated", []).append(rate)
    async with watched("saturated plain", found), anyio.create_task_group() as tasks:
        for _ in range(load.sessions):
            tasks.start_soon(plainly, LINES["program"], load.rounds)


def crowded(found: Lags, sessions: int) -> list[Figure]:
    """Tell what the crowds came to."""
    figures = [at_most(f"lag p99, {sessions} sessions", "ms", found.pop("lag p99"), LAG_MS)]
    figures.append(at_most("saturated", "commands/s", found.pop("saturated")))
    return figures + [
        at_most(f"{name}, {sessions} sessions", "ms", values) for name, values in found.items()
    ]


async def take_turns(sandbox: Sandbox, load: Load, number: int) -> None:
    """Run commands as a session does: after each the model has its turn."""
    await anyio.sleep(load.pause_s * number / load.sessions)
    for _ in range(load.rounds):
        await work(sandbox, LINES["program"])
        await anyio.sleep(load.pause_s)


async def keep_working(sandbox: Sandbox, load: Load) -> None:
    """Run one command after the other."""
    for _ in range(load.rounds):
        await work(sandbox, LINES["program"])


@contextlib.asynccontextmanager
async def watched(name: str, found: Lags) -> AsyncGenerator[None]:
    """Note how late the event loop is for as long as this is open."""
    lags: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.perf_counter()
            await anyio.sleep(TICK_S)
            lags.append((time.perf_counter() - begun - TICK_S) * 1e3)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield
        await anyio.sleep(2 * TICK_S)  # one at least
        tasks.cancel_scope.cancel()
    parts = quantiles([*lags, lags[-1]], n=100, method="inclusive")
    for part, value in (("p50", parts[49]), ("p99", parts[98]), ("max", max(lags))):
        found.setdefault(f"{name} {part}", []).append(value)


async def refused(wall: Bubblewrap, folder: Path) -> str:
    """Say why no sandbox can be opened here, if so."""
    try:
        async with opened(wall, folder) as sandbox:
            await work(sandbox, LINES["program"])
    except (SandboxError, UsageError, OSError) as error:
        return str(error)
    return ""


async def measure(repeats: int, load: Load) -> Answer:
    """Measure all."""
    wall, lags = Bubblewrap(Allowance()), Lags()
    inputs = {**msgspec.structs.asdict(load), "user": "root" if os.geteuid() == 0 else "ordinary"}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if reason := await refused(wall, folder / "tried"):
            return Answer("sandbox", repeats, inputs, (), skipped=reason)
        commands = await compare(wall, folder, repeats, load.commands)
        for _ in range(repeats):
            await crowd(wall, folder, load, lags)
    return Answer("sandbox", repeats, inputs, (*commands, *crowded(lags, load.sessions)))


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=REPEATS)
    parser.add_argument("--sessions", type=int)
    asked: argparse.Namespace = parsed(parser)
    load = QUICK if asked.quick else Load()
    load = msgspec.structs.replace(load, sessions=asked.sessions or load.sessions)
    if sys.platform != "linux":
        tell(Answer("sandbox", asked.repeats, {}, (), skipped="bubblewrap is for Linux"))
        return
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tell(anyio.run(measure, asked.repeats, load))


if __name__ == "__main__":
    main()
