"""What a whole session of four turns costs in CPU, over HTTP, with a tool in this process.

``python -m bench.session`` asks a server in another process for 20 chunks a turn and runs a tool
after each turn but the last. *Ours* is the real engine: journal with a sync a window, rows and
statistics. Its tool has no use for a workspace, so the session has none; *with a workspace* it has,
and a folder as its sandbox, which no command is run in. *Bare* is the loop that everybody writes
first on the openai SDK, with one JSON line a session; on the SDK's aiohttp transport, and with few
sessions also on its default one, whose pool takes longer the more connections it has. Figures are
milliseconds of CPU a session, threads included, in interleaved bursts after a warm-up of each side,
and ours divided by the bare loop's.

Chunks are paced, so that a client that keeps up gets each for itself, as from a model that takes
its time; *at once* is the same without a pause, as a very fast model behind a proxy would send.
``most`` in the checks shows that so many requests were really on their way at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import msgspec
from openai import DefaultAioHttpClient, DefaultAsyncHttpxClient

from bench.answer import Answer, Curve, Figure, arguments, at_most, parsed, ratios, tell
from bench.bare import open_bare
from bench.server import CHUNKS, Server, open_server
from bench.sessions import LOOK_AROUND, TURNS, Client, open_ours, pace, spend
from hermes_run.collecting import collecting_seldom

BUDGETS = {64: 10.0, 1000: 12.5}
"""Milliseconds a session, by how many run at once."""

CONCURRENCY = (64, 512, 1000)
QUICK = (4, 8)
FEW = 64
"""Up to so many at once the other ways are measured too; the rest is about how costs grow."""

LEAST, QUICK_LEAST = 256, 8
"""Sessions in a burst at least: one in each place, and enough for the clock."""


class Cell(msgspec.Struct, frozen=True):
    """So many sessions at once and in a burst, and the seconds between chunks; 0 is none."""

    concurrency: int
    sessions: int
    pace_s: float

    @property
    def name(self) -> str:
        """How its figures are called."""
        return f"at {self.concurrency}" + ("" if self.pace_s else ", chunks at once")


class Measured(msgspec.Struct, frozen=True):
    """Milliseconds a session by client, one a repeat, and what shows them to mean something."""

    cell: Cell
    spent: dict[str, list[float]]
    checks: dict[str, Any]


async def measure(cell: Cell, server: Server, repeats: int) -> Measured:
    """Measure every client in turn, again and again."""
    url = server.url(TURNS, cell.pace_s)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opening = {
            "ours": open_ours(url, cell.concurrency, folder / "run"),
            "bare": open_bare(DefaultAioHttpClient, url, cell.concurrency, folder / "bare.jsonl"),
        }
        if cell.pace_s and cell.concurrency <= FEW:
            opening["bare_default"] = open_bare(
                DefaultAsyncHttpxClient, url, cell.concurrency, folder / "default.jsonl"
            )
            opening["in_folder"] = open_ours(url, cell.concurrency, folder / "working", LOOK_AROUND)
        clients = {name: await stack.enter_async_context(one) for name, one in opening.items()}
        for client in clients.values():
            await client.run(cell.concurrency)  # connections, imports, and the requests' slow start
        spent, busy = await _bursts(cell, clients, server, repeats)
    most = {name: client.most for name, client in clients.items()}
    return Measured(cell, spent, {"most": most, "server_busy": busy})


async def _bursts(
    cell: Cell, clients: dict[str, Client], server: Server, repeats: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Give what each client spent, and the share of the time that the server was at work for it."""
    spent: dict[str, list[float]] = {name: [] for name in clients}
    busy: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(repeats):
        for name, client in clients.items():
            with server.watched() as watched:
                spent[name].append(await spend(client, cell.sessions))
            busy[name].append(watched.busy)
    return spent, {name: round(median(busy[name]), 2) for name in clients}


def figures_of(measured: Measured) -> list[Figure]:
    """Give the figures of one cell."""
    cell, spent = measured.cell, measured.spent
    budget = BUDGETS.get(cell.concurrency) if cell.pace_s else None
    made = [at_most(f"session {cell.name}", "ms", spent["ours"], budget)]
    if "in_folder" in spent:
        made.append(at_most(f"session with a workspace {cell.name}", "ms", spent["in_folder"]))
    for name in (each for each in spent if each.startswith("bare")):
        label = "bare SDK" if name == "bare" else "bare SDK, default transport"
        made.append(at_most(f"{label} {cell.name}", "ms", spent[name]))
        parts = ratios(spent["ours"], spent[name])
        made.append(at_most(f"ours to {label} {cell.name}", "", parts))
    return made


async def compare(server: Server, concurrency: Sequence[int], repeats: int, least: int) -> Answer:
    """Measure at every number of sessions at once, and at the lowest also without a pace."""
    cells = [Cell(each, max(least, each), pace(each)) for each in concurrency]
    if concurrency[0] <= FEW:
        cells.insert(1, Cell(concurrency[0], max(least, concurrency[0]), 0.0))
    found = [await measure(cell, server, repeats) for cell in cells]
    paced = [each for each in found if each.cell.pace_s]
    figures = [figure for each in found for figure in figures_of(each)]
    curves = [
        Curve(
            name,
            "sessions at once",
            "CPU ms a session",
            tuple(
                (each.cell.concurrency, at_most("", "", each.spent[key]).median) for each in paced
            ),
        )
        for name, key in (("ours", "ours"), ("bare SDK", "bare"))
    ]
    return Answer(
        bench="session",
        repeats=repeats,
        inputs={"turns": TURNS, "chunks": CHUNKS, "cells": [each.cell for each in found]},
        figures=tuple(figures),
        curves=tuple(curves),
        checks={each.cell.name: each.checks for each in found},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--concurrency", type=int, nargs="+", help="sessions at once")
    options = parsed(parser)
    chosen = options.concurrency or (QUICK if options.quick else CONCURRENCY)
    least = QUICK_LEAST if options.quick else LEAST
    with open_server() as server, collecting_seldom():  # as the command does
        tell(anyio.run(compare, server, chosen, options.repeats, least))


if __name__ == "__main__":
    main()
