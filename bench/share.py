"""What part of the runner's CPU is the recorder's.

``python -m bench.share`` runs the same sessions, over HTTP with a tool in this process, with four
records in turn, and prints milliseconds of CPU a session for each, threads included:

- *on*: the record as it is: a journal with a sync a window of 50 ms, statistics, rows;
- *journal only*: the same without the rows that are made from it;
- *off*: a record that takes every fact and does nothing;
- *aiofiles*: one write and one flush an event with bare ``aiofiles``, not durable, no rows.

The recorder's share is (on - off) / on. Facts are born, checked and folded with each of them: the
fold is what the loop decides by, and it would be there without any record.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import aiofiles
import anyio

from bench.answer import Answer, arguments, at_most, ratios, tell
from bench.server import CHUNKS, Server, open_server
from bench.sessions import (
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
from hermes_run.feed import feed
from hermes_run.intake import Intake
from hermes_run.models.source import open_source
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
CONCURRENCY = 64
ROUNDS = 8
"""Bursts of each record in a repeat, in turn: what else the machine does then meets all alike."""


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


@asynccontextmanager
async def open_client(
    kind: Kind, url: str, concurrency: int, folder: Path
) -> AsyncGenerator[Client]:
    """Open a run as the product does, but with a record of some *kind*."""
    settings, prompts = settings_for(url, concurrency), Prompts()
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(open_stock(settings, [LOOKUP]))
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


async def measure(server: Server, concurrency: int, repeats: int, rounds: int) -> Answer:
    """Measure every kind of record in turn, again and again."""
    url = server.url(TURNS, pace(concurrency))
    spent: dict[str, list[float]] = {name: [] for name in KINDS}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clients = {
            name: await stack.enter_async_context(
                open_client(kind, url, concurrency, folder / name.replace(" ", "_"))
            )
            for name, kind in KINDS.items()
        }
        for client in clients.values():
            await client.run(2 * concurrency)  # connections, imports, and the requests' slow start
        began, used = time.perf_counter(), server.cpu_s()
        for _ in range(repeats):
            for name, cost in (await _once(clients, concurrency, rounds)).items():
                spent[name].append(cost)
        busy = (server.cpu_s() - used) / (time.perf_counter() - began)
    checks = {
        "most": {name: client.most for name, client in clients.items()},
        "server_busy": round(busy, 2),
        "sessions_each": concurrency * rounds * repeats,
    }
    return _answer(spent, concurrency, checks)


async def _once(clients: dict[str, Client], concurrency: int, rounds: int) -> dict[str, float]:
    """Give what a session costs with each client: the median of so many rounds of bursts.

    Each round begins with another client, so that none is always measured after the same one.
    """
    costs: dict[str, list[float]] = {name: [] for name in clients}
    names = deque(clients)
    for _ in range(rounds):
        for name in names:
            costs[name].append(await spend(clients[name], concurrency))
        names.rotate(1)
    return {name: median(found) for name, found in costs.items()}


def _answer(spent: dict[str, list[float]], concurrency: int, checks: dict[str, Any]) -> Answer:
    on, journal, off = spent["on"], spent["journal only"], spent["off"]

    def share(more: list[float], less: list[float], of: list[float]) -> list[float]:
        return ratios([one - other for one, other in zip(more, less, strict=True)], of)

    return Answer(
        bench="share",
        repeats=len(on),
        inputs={
            "concurrency": concurrency,
            "turns": TURNS,
            "chunks": CHUNKS,
            "result_bytes": len(RESULT),
            "window_s": 0.05,
        },
        figures=(
            at_most("recorder's share of the CPU", "", share(on, off, on), BUDGET),
            at_most("of it the journal", "", share(journal, off, on)),
            at_most("of it the rows", "", share(on, journal, on)),
            at_most(
                "share with bare aiofiles", "", share(spent["aiofiles"], off, spent["aiofiles"])
            ),
            *(at_most(f"session, {name}", "ms", cost) for name, cost in spent.items()),
        ),
        checks=checks,
    )


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, repeats=5).parse_args()
    repeats, concurrency, rounds = options.repeats, CONCURRENCY, ROUNDS
    if options.quick:
        repeats, concurrency, rounds = min(2, repeats), 4, 1
    with open_server() as server:
        tell(anyio.run(measure, server, concurrency, repeats, rounds))


if __name__ == "__main__":
    main()
