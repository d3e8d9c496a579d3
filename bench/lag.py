"""How late the event loop is while many sessions run commands in sandboxes behind a live panel.

``python -m bench.lag`` runs the real engine: replies stream over HTTP from a server in another
process, 20 chunks in 1.5 s, which is a quick model; tool calls run a command behind the best wall
that there is and, in turns, a function of this process; journal, rows and bounds of the sandboxes
are as always; and the panel is drawn twice a second on a terminal that somebody reads. Meanwhile a
task of the same event loop sleeps for 5 ms again and again, and *lag* is by how many milliseconds
it wakes up too late: so late may whatever else happens in the loop be, a chunk or a time limit.

All sessions start at once, which is the hardest: their sandboxes are opened one after the other
(*opening*: until each has run a command). *Running* is what comes after it. The budget is that of
the whole run.

Commands, and whatever else the machine does, compete for the processors with what is measured.
*Held up* is the lag without the time in which the loop's thread could have run and had no processor
(Linux counts that): what the loop, and the other threads of its interpreter, did by themselves.
``busy`` says how much of all processors was used by anybody, and ``ours`` the part of one that the
loop's own process used.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, TextIO

import anyio
import msgspec

from bench.answer import Answer, Figure, arguments, at_most, parsed, tell
from bench.server import CHUNKS, TOOL, Server, open_server
from bench.sessions import opened
from hermes_run import tool
from hermes_run.cli.descriptors import allow_open_files
from hermes_run.collecting import collecting_seldom
from hermes_run.config import Settings
from hermes_run.progress.screens import open_panel
from hermes_run.progress.watch import watch
from hermes_run.prompts import read_prompts
from hermes_run.tools.terminal import terminal
from hermes_run.tools.tool import Context, Output
from recorder.events import Event, ToolReturned

BUDGET_MS = 50.0
SESSIONS, QUICK = (64, 512), (4, 8)
TURNS = 6
TURN_S, QUICK_TURN_S = 1.5, 0.1
TICK_S = 0.005
_NOBODY = subprocess.DEVNULL
LINE = "ls -l / | wc -l"


async def lookup(context: Context, text: str) -> Output:
    """Look something up."""
    if (context.step or 0) % 2:
        return Output(f"found {text}")
    return await terminal.run({"command": LINE}, context)


LOOKUP = tool(effect="workspace")(lookup)


class NoWallError(Exception):
    """No sandbox works on this machine."""


class Lags(msgspec.Struct):
    """How late every wake was, in seconds, and how many were before all had run a command.

    ``held_up`` is the same without the time in which there was no processor.
    """

    late: list[float] = []
    held_up: list[float] = []
    opening: int = 0


class Measured(msgspec.Struct, frozen=True):
    """The lag of a run, in milliseconds, and what shows it to mean something."""

    lags: Lags
    checks: dict[str, float]


class Firsts:
    """A sink that notes in *lags* when each of so many sessions has run its first command."""

    def __init__(self, sessions: int, lags: Lags) -> None:
        self._sessions = sessions
        self._lags = lags
        self._seen: set[str] = set()

    async def __call__(self, event: Event) -> None:
        """Note *event*."""
        is_command = isinstance(event, ToolReturned) and event.exit_code is not None
        if is_command and len(self._seen) < self._sessions:
            self._seen.add(event.session)
            self._lags.opening = len(self._lags.late)


@asynccontextmanager
async def ticking(lags: Lags) -> AsyncGenerator[None]:
    """Note how late the event loop is for as long as this is open."""

    async def tick() -> None:
        while True:
            begun, queued = time.perf_counter(), _queued_s(thread)
            await anyio.sleep(TICK_S)
            late = time.perf_counter() - begun - TICK_S
            lags.late.append(late)
            lags.held_up.append(max(0.0, late - (_queued_s(thread) - queued)))

    thread = threading.get_native_id()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield
        tasks.cancel_scope.cancel()


def _queued_s(thread: int) -> float:
    """Give the seconds that a thread waited for a processor so far; see proc_pid_schedstat(5)."""
    told = Path(f"/proc/self/task/{thread}/schedstat").read_bytes()
    return int(told.split()[1]) / 1e9


@contextmanager
def open_terminal() -> Generator[TextIO]:
    """Give a terminal that another process reads."""
    theirs, ours = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with subprocess.Popen(["/bin/cat"], stdin=theirs, stdout=_NOBODY, stderr=_NOBODY) as reader:
        os.close(theirs)
        with os.fdopen(ours, "w") as file:
            yield file
        reader.wait(5)


async def run_at_once(url: str, sessions: int, folder: Path) -> Measured:
    """Run so many sessions at once, each of them once."""
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(f'{{"prompt": "Look at {n}."}}\n' for n in range(sessions)))
    settings = Settings(model="bench", base_url=(url,), concurrency=sessions, toolsets=())
    lags = Lags()
    async with AsyncExitStack() as stack:
        opening = opened(folder / "run", settings, read_prompts(prompts), [LOOKUP])
        run, _ = await stack.enter_async_context(opening)
        if run.plan.wall.name == "none":
            raise NoWallError
        run.record.send_also_to(Firsts(sessions, lags))
        screen = stack.enter_context(open_panel("lag", stack.enter_context(open_terminal())))
        await stack.enter_async_context(watch(run, sessions, screen))
        stack.enter_context(collecting_seldom())
        async with used() as checks, ticking(lags):
            report = await run.finish()
    outcomes, calls = report.statistics.outcomes, report.statistics.tools.get(TOOL)
    if not calls or (len(outcomes), calls.success) != (1, sessions * (TURNS - 1)):
        raise SystemExit(f"the sessions went wrong: {report.statistics}")
    return Measured(lags, checks)


@asynccontextmanager
async def used() -> AsyncGenerator[dict[str, float]]:
    """Tell what of the processors was used meanwhile."""
    found: dict[str, float] = {}
    began, idle, ours = time.perf_counter(), _idle_s(), time.process_time()
    yield found
    took = time.perf_counter() - began
    found["seconds"] = round(took, 1)
    found["ours"] = round((time.process_time() - ours) / took, 2)
    found["busy"] = round(1 - (_idle_s() - idle) / took / (os.cpu_count() or 1), 2)


def _idle_s() -> float:
    """Give the seconds that processors had nothing to do, of all together; see proc_stat(5)."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split(None, 6)
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def parts(lags: Sequence[float]) -> dict[str, float]:
    """Give what half, 99 of 100 and all are below, in milliseconds."""
    cuts = quantiles(lags, n=100, method="inclusive")
    return {"p50": cuts[49] * 1e3, "p99": cuts[98] * 1e3, "max": max(lags) * 1e3}


def figures_of(sessions: int, found: Sequence[Measured]) -> list[Figure]:
    """Give the figures of all repeats with so many sessions."""
    made: list[Figure] = []
    phases = {
        "": [one.lags.late for one in found],
        ", opening": [one.lags.late[: one.lags.opening] for one in found],
        ", running": [one.lags.late[one.lags.opening :] for one in found],
        ", held up": [one.lags.held_up for one in found],
    }
    for phase, lags in phases.items():
        each = [parts(one) for one in lags]
        for part in each[0]:
            budget = BUDGET_MS if part == "p99" and not phase else None
            values = [one[part] for one in each]
            made.append(at_most(f"lag {part} at {sessions}{phase}", "ms", values, budget))
    return made


async def measure(server: Server, sessions: Sequence[int], repeats: int, turn_s: float) -> Answer:
    """Measure every number of sessions in turn, again and again."""
    url = server.url(TURNS, turn_s / CHUNKS)
    found: dict[int, list[Measured]] = {each: [] for each in sessions}
    with server.watched() as watched:
        for each in list(sessions) * repeats:
            with tempfile.TemporaryDirectory() as folder:
                found[each].append(await run_at_once(url, each, Path(folder)))
    checks: dict[str, Any] = {f"at {each}": [one.checks for one in found[each]] for each in found}
    return Answer(
        bench="lag",
        repeats=repeats,
        inputs={"turns": TURNS, "turn_s": turn_s, "tick_s": TICK_S, "command": LINE},
        figures=tuple(figure for each in found for figure in figures_of(each, found[each])),
        checks={"server_busy": round(watched.busy, 3), **checks},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--sessions", type=int, nargs="+", help="sessions at once")
    options = parsed(parser)
    chosen = options.sessions or (QUICK if options.quick else SESSIONS)
    allow_open_files(max(chosen))
    with open_server() as server:
        turn_s = QUICK_TURN_S if options.quick else TURN_S
        try:
            answer = anyio.run(measure, server, chosen, options.repeats, turn_s)
        except* NoWallError:  # what was open around it makes a group of it
            answer = Answer(
                "lag", options.repeats, {}, (), skipped="no sandbox works on this machine"
            )
    tell(answer)


if __name__ == "__main__":
    main()
