"""What a session in flight takes of memory, and whether a million prompts take more than few.

``python -m bench.memory`` measures resident memory (``Rss`` of proc_pid_smaps(5)) in processes that
are new for each measurement.

*In flight*: so many sessions wait in their third turn for a model of this process; what the run had
when it was open and idle is taken off, the rest divided by the sessions, and the history of a
session is taken off once, as the bytes of its messages (a prompt, two calls and two results of
1.5 KB, 4 KB in all). *Streaming* is the same over HTTP, with a reply under way in each session, so
that connections and buffers count; the server is another process.

*Prompts*: one process runs a million sessions, the smallest that there are, from a file, 64 at
once, and is looked at as they end. What may grow is 9 bytes for each of two names, that no row and
no session comes twice (:class:`recorder.marks.Marks`): 18 MB a million. The rest of the budget is
for what allocators do not give back.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel

from bench.answer import Answer, Curve, Figure, arguments, at_most, tell
from bench.server import TOOL, Server, open_server
from bench.sessions import LOOKUP
from hermes_run.cli.descriptors import allow_open_files
from hermes_run.config import Settings
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source, open_source
from hermes_run.prompts import read_prompts
from hermes_run.run import Run, open_run
from hermes_run.tools.opening import open_stock
from recorder.events import Event, SessionEnded, ToolReturned
from recorder.messages import ToolCall, Usage

EACH_KB = 64.0
GROWTH_MB = 32.0
SESSIONS, QUICK_SESSIONS = (1_000, 5_000), (20, 100)
PROMPTS, QUICK_PROMPTS = 1_000_000, 2_000
FIRST = 100
"""The first look is when one of so many has ended: 10,000 of a million."""

LOOKS = (1, 2, 5, 10, 20, 50, 100)
"""When it is looked, in hundredths of all prompts."""

CONCURRENCY = 64
TURN, TURNS = 3, 12
"""The turn in which sessions wait, and more than any gets to while the others come to theirs."""

STREAM_S = 0.004
"""Seconds for a reply of 20 chunks, for each session: at any number of them the same load."""

LOOK_S = 0.1
LIMIT_S = 7_000.0
SPENT = Usage(input=900, output=40)
"""Without it tokens would be counted, which loads tables of 40 MB."""

Found: TypeAlias = dict[str, Any]


class Waiting:
    """A model that calls a tool twice and then never answers; ``held`` sessions wait for it."""

    def __init__(self) -> None:
        self.held = self.history = 0

    async def reply(self, request: Request) -> Reply:
        """Give a call, or nothing ever."""
        await anyio.lowlevel.checkpoint()
        if len(request.messages) < 2 * TURN - 1:
            text = '{"text": "word and word and word"}'
            call = ToolCall(f"call_{len(request.messages)}", TOOL, text)
            return Reply(calls=(call,), finish_reason="tool_calls", usage=SPENT)
        self.held += 1
        self.history += sum(map(len, request.messages))
        await anyio.sleep_forever()
        raise AssertionError


class Tiny:
    """A model that answers at once, and little."""

    async def reply(self, request: Request) -> Reply:
        """Say little."""
        await anyio.lowlevel.checkpoint()
        return Reply(text=request.model, finish_reason="stop", usage=SPENT)


class Streaming:
    """A sink that counts the sessions that have come to their third turn."""

    def __init__(self) -> None:
        self.held = 0
        self._results: dict[str, int] = {}

    async def __call__(self, event: Event) -> None:
        """Note *event*."""
        if isinstance(event, ToolReturned):
            count = self._results[event.session] = self._results.get(event.session, 0) + 1
            self.held += count == TURN - 1


class Ends:
    """A sink that looks at the memory when so many sessions have ended."""

    def __init__(self, prompts: int) -> None:
        self.seen: list[tuple[int, int, int]] = []
        self._left = sorted({prompts * part // FIRST for part in LOOKS}, reverse=True)
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
async def opened(
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
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(open_stock(settings, [LOOKUP]))
        source = source or await stack.enter_async_context(open_source(settings))
        rows = await stack.enter_async_context(aclosing(read_prompts(path)))
        opening = open_run(folder / "run", rows, settings, source, stock.shelf)
        yield await stack.enter_async_context(opening)


# --- in processes of their own -------------------------------------------------------------------


async def hold(sessions: int, url: str, folder: Path) -> Found:
    """Give the bytes that each of so many *sessions* in flight takes, and those of its history."""
    waiting, streaming = Waiting(), Streaming()
    source = None if url else Source(waiting, "bench", "python")
    found: Found = {"running": 0}
    async with opened(folder, sessions, sessions, source, url) as run:
        run.record.send_also_to(streaming)
        gc.collect()
        idle, _ = memory()
        async with anyio.create_task_group() as engine:
            engine.start_soon(run.finish)
            await _until_all_are_in(streaming if url else waiting, sessions)
            gc.collect()
            full, _ = memory()
            each = {"each": (full - idle) / sessions, "history": waiting.history / sessions}
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
    async with opened(folder, prompts, CONCURRENCY, Source(Tiny(), "bench", "python")) as run:
        run.record.send_also_to(ends)
        report = await run.finish()
        spent = time.process_time() - began
    if report.statistics.outcomes != {"completed": prompts}:
        raise SystemExit(f"the sessions went wrong: {report.statistics}")
    return {"seen": ends.seen, "ms": spent / prompts * 1e3}


def child(task: str, size: int, url: str) -> None:
    """Measure one thing, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        if task == "prompts":
            found = anyio.run(stream_in, size, Path(folder))
        else:
            allow_open_files(size)
            found = anyio.run(hold, size, url, Path(folder))
    print(json.dumps(found))


def measured(task: str, size: int, url: str = "") -> Found:
    """Measure in a new process."""
    argv = [sys.executable, "-m", "bench.memory", "--task", task, "--size", str(size)]
    done = subprocess.run(
        [*argv, "--url", url], check=True, stdout=subprocess.PIPE, timeout=LIMIT_S
    )
    return json.loads(done.stdout.splitlines()[-1])


# --- what it comes to ----------------------------------------------------------------------------


def in_flight(sizes: Sequence[int], server: Server, repeats: int) -> tuple[list[Figure], Found]:
    """Measure sessions in flight, here and over HTTP, again and again."""
    found: dict[tuple[str, int], list[Found]] = {}
    for _ in range(repeats):
        for size in sizes:
            url = server.url(TURNS, size * STREAM_S / 20)
            found.setdefault(("in flight", size), []).append(measured("hold", size))
            found.setdefault(("streaming", size), []).append(measured("hold", size, url))
    history = found["in flight", sizes[0]][0]["history"]
    figures: list[Figure] = []
    for (name, size), each in found.items():
        values = [(one["each"] - history) / 1024 for one in each]
        figures.append(at_most(f"a session {name} of {size}", "KB", values, EACH_KB))
    checks = {f"{name} {size}": each[-1] for (name, size), each in found.items()}
    return figures, {"history_bytes": round(history), **checks}


def flatness(prompts: int) -> tuple[list[Figure], Curve, Found]:
    """Measure as many *prompts*, once: every look is a figure of its own."""
    found = measured("prompts", prompts)
    (first, rss, peak), *others = found["seen"]
    last, rss_then, peak_then = others[-1]
    step = f"from {first} to {last} prompts"
    figures = [
        at_most(f"growth {step}", "MB", [(rss_then - rss) / 1e6], GROWTH_MB),
        at_most(f"growth of the peak {step}", "MB", [(peak_then - peak) / 1e6], GROWTH_MB),
    ]
    points = tuple((float(count), now / 1e6) for count, now, _ in found["seen"])
    curve = Curve("resident memory", "prompts done", "MB", points)
    looks = {str(count): {"rss": now, "peak": most} for count, now, most in found["seen"]}
    return figures, curve, {"prompts": looks, "session_ms": round(found["ms"], 2)}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--prompts", type=int, help="how many prompts one process runs")
    parser.add_argument("--sessions", type=int, nargs="+", help="sessions in flight")
    parser.add_argument("--task", choices=("hold", "prompts"), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        child(options.task, options.size, options.url)
        return
    sizes = options.sessions or (QUICK_SESSIONS if options.quick else SESSIONS)
    prompts = options.prompts or (QUICK_PROMPTS if options.quick else PROMPTS)
    repeats = 1 if options.quick else options.repeats  # each takes new processes
    with open_server() as server:
        figures, checks = in_flight(sizes, server, repeats)
    grown, curve, looks = flatness(prompts)
    tell(
        Answer(
            bench="memory",
            repeats=repeats,
            inputs={"sessions": list(sizes), "prompts": prompts, "concurrency": CONCURRENCY},
            figures=(*figures, *grown),
            curves=(curve,),
            checks={**checks, **looks},
        )
    )


if __name__ == "__main__":
    main()
