"""What part of the runner's CPU is the recorder's.

``python -m bench.share`` runs the same sessions, over HTTP with a tool in this process, with four
records in turn, and prints milliseconds of CPU a session for each, threads included:

- *on*: the record as it is: a journal with a sync a window of 50 ms, statistics, rows;
- *journal only*: the same without the rows that are made from it;
- *off*: a record that takes every fact and does nothing;
- *aiofiles*: one write and one flush an event with bare ``aiofiles``, not durable, no rows.

The recorder's share is (on - off) / on, each as the mean of a few bursts of a repeat, as the
difference of two large figures is small. Facts are born, checked and folded with each of them: the
fold is what the loop decides by, and it would be there without any record.

What counts is a run that fills its core, with many sessions of which each gets a chunk at a time:
there the window gathers what they bring, and what the recorder takes is missing elsewhere. A run
that mostly waits for its model, *at leisure*, commits as often and has fewer facts to share that,
on a processor that has nothing else to do. *With workspaces* each session has a folder of its own
besides, as those with files and shells have: it is made and removed on the disk that is synced.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import aiofiles
import anyio
import msgspec

from bench.answer import Answer, Figure, arguments, at_most, parsed, ratios, tell
from bench.server import CHUNKS, Server, open_server
from bench.sessions import (
    LOOK_AROUND,
    LOOKUP,
    RESULT,
    TURNS,
    Client,
    Prompts,
    driving,
    pace,
    settings_for,
    spend,
)
from hermes_run.beside import open_rejects
from hermes_run.collecting import collecting_seldom
from hermes_run.feed import feed
from hermes_run.intake import Intake
from hermes_run.models.opening import open_source
from hermes_run.run import REJECTS, Run
from hermes_run.sandboxes.choosing import open_wall
from hermes_run.shared import open_plan
from hermes_run.tools.opening import open_stock
from recorder.disk import Disk
from recorder.events import Event
from recorder.framing import frame
from recorder.journal import Journal, open_journal
from recorder.record import Record
from recorder.run_directory import JOURNAL, RunDirectory, open_new
from recorder.session import Session

BUDGET = 0.05
CONCURRENCY, QUICK = 64, 4
MANY = 5
"""So many times as many sessions fill a core."""

BURST = 2
"""Sessions for each place in a burst: its beginning and its end should count little."""

OFTEN, COMPARED = 5, ("on", "off")
"""So many bursts a repeat where the budget is, of the two that it is about."""


class NoRows(Record):
    """The record, but for the rows."""

    async def finish(self, session: Session) -> None:
        """Make no row of *session*."""


class Off(NoRows):
    """Takes facts and does nothing with them; what the run asks of its record holds at once."""

    async def accept(self, event: Event) -> None:
        """Take *event* for good."""

    async def settle(self, event: Event) -> None:
        """Do nothing more for *event*."""

    async def durable(self) -> None:
        """Return: there is nothing to wait for."""

    async def kept(self) -> None:
        """Return: there is nothing to wait for."""

    async def writable(self) -> None:
        """Return: there is always room."""


class Bare(Off):
    """Writes each event to a file as soon as it comes."""

    def __init__(self, opened: RunDirectory, run: str, journal: Journal, file: Any) -> None:  # noqa: ANN401  # aiofiles has no name for it
        super().__init__(opened, run, journal)
        self._file = file

    async def accept(self, event: Event) -> None:
        """Write *event*, and hand it to the operating system."""
        await self._file.write(frame(event))
        await self._file.flush()


Kind: TypeAlias = type[Record]
KINDS: dict[str, Kind] = {"on": Record, "journal only": NoRows, "off": Off, "aiofiles": Bare}


@asynccontextmanager
async def open_kind(kind: Kind, folder: Path) -> AsyncGenerator[Record]:
    """Open a record of some *kind*, all of them on a journal and files of rows that are there."""
    async with (
        open_new(folder, Disk()) as opened,
        open_journal(folder / JOURNAL, folder.name) as journal,
    ):
        if kind is not Bare:
            yield kind(opened, folder.name, journal)
            return
        async with aiofiles.open(folder / "bare.jsonl", "ab") as file:
            yield Bare(opened, folder.name, journal, file)


class Load(msgspec.Struct, frozen=True):
    """So many sessions at once and in a burst, the seconds between chunks, the bursts a repeat."""

    name: str
    concurrency: int
    sessions: int
    pace_s: float
    often: int = 1
    workspaces: bool = False


@asynccontextmanager
async def open_client(kind: Kind, url: str, load: Load, folder: Path) -> AsyncGenerator[Client]:
    """Open a run as the product does, but with a record of some *kind*."""
    tools = [LOOK_AROUND if load.workspaces else LOOKUP]
    settings, prompts = settings_for(url, load.concurrency), Prompts()
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(open_stock(settings, tools))
        source = await stack.enter_async_context(open_source(settings))
        wall = await stack.enter_async_context(open_wall(settings))
        record = await stack.enter_async_context(open_kind(kind, folder))
        plan = await stack.enter_async_context(
            open_plan(record, settings, source, wall, (), folder)
        )
        rejects = await stack.enter_async_context(open_rejects(folder / REJECTS))
        fed = await stack.enter_async_context(feed(prompts.rows()))
        run = Run(plan, Intake(fed, settings, stock.shelf, rejects))
        yield await stack.enter_async_context(driving(run, prompts, source))


class Spent(msgspec.Struct, frozen=True):
    """Milliseconds a session by record, one a repeat, and how busy client and server were."""

    costs: dict[str, list[float]]
    checks: dict[str, Any]


async def measure(server: Server, load: Load, repeats: int) -> Spent:
    """Measure every kind of record in turn, again and again.

    Each round begins with another one, so that none is always measured after the same.
    """
    url = server.url(TURNS, load.pace_s)
    spent: dict[str, list[float]] = {name: [] for name in KINDS}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clients = {
            name: await stack.enter_async_context(
                open_client(kind, url, load, folder / name.replace(" ", "_"))
            )
            for name, kind in KINDS.items()
        }
        for client in clients.values():
            await client.run(2 * load.concurrency)  # connections, and the requests' slow start
        began, mine = time.perf_counter(), time.process_time()
        names = deque(clients)
        with server.watched() as watched:
            for _ in range(repeats):
                for name, costs in (await _repeat(clients, names, load)).items():
                    spent[name].append(fmean(costs))
        passed = time.perf_counter() - began
        checks = {
            "most": {name: client.most for name, client in clients.items()},
            "busy": round((time.process_time() - mine) / passed, 2),
            "server_busy": round(watched.busy, 2),
        }
    return Spent(spent, checks)


async def _repeat(
    clients: dict[str, Client], names: deque[str], load: Load
) -> dict[str, list[float]]:
    """Measure every kind of record once, and those that are compared as often as *load* says."""
    costs: dict[str, list[float]] = {name: [] for name in names}
    for number in range(load.often):
        for name in names:
            if not number or name in COMPARED:
                costs[name].append(await spend(clients[name], load.sessions))
        names.rotate(1)
    return costs


def figures(load: Load, costs: dict[str, list[float]], budget: float | None) -> list[Figure]:
    """Say what was found under one load."""
    on, journal, off = costs["on"], costs["journal only"], costs["off"]

    def share(more: list[float], less: list[float], of: list[float]) -> list[float]:
        return ratios([one - other for one, other in zip(more, less, strict=True)], of)

    bare = costs["aiofiles"]
    return [
        at_most(f"recorder's share of the CPU, {load.name}", "", share(on, off, on), budget),
        at_most(f"of it the journal, {load.name}", "", share(journal, off, on)),
        at_most(f"of it the rows, {load.name}", "", share(on, journal, on)),
        at_most(f"share with bare aiofiles, {load.name}", "", share(bare, off, bare)),
        *(at_most(f"session, {name}, {load.name}", "ms", cost) for name, cost in costs.items()),
    ]


def loads(*, quick: bool) -> tuple[Load, ...]:
    """Give what is to be measured; the first is what counts."""
    few = QUICK if quick else CONCURRENCY
    many, pace_s = MANY * few, pace(few)
    often = 1 if quick else OFTEN
    return (
        Load("core full", many, BURST * many, pace_s, often),
        Load("with workspaces", many, BURST * many, pace_s, often, workspaces=True),
        Load("at leisure", few, BURST * few, pace_s),
    )


def main() -> None:
    """Measure and print."""
    options = parsed(arguments(__doc__, repeats=5))
    found: list[Figure] = []
    checks: dict[str, Any] = {}
    asked = loads(quick=options.quick)
    with open_server() as server, collecting_seldom():  # as the command does
        for load, budget in zip(asked, (BUDGET, None, None), strict=True):
            spent = anyio.run(measure, server, load, options.repeats)
            found += figures(load, spent.costs, budget)
            checks[load.name] = spent.checks
    tell(
        Answer(
            bench="share",
            repeats=options.repeats,
            inputs={
                "loads": msgspec.to_builtins(asked),
                "turns": TURNS,
                "chunks": CHUNKS,
                "result_bytes": len(RESULT),
                "window_s": 0.05,
            },
            figures=tuple(found),
            checks=checks,
        )
    )


if __name__ == "__main__":
    main()
