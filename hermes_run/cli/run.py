"""The default command: run a session for every row."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import anyio

from hermes_run.cli import output
from hermes_run.cli.announcing import spread, unpriced, unused, walled
from hermes_run.cli.dry_run import describe
from hermes_run.cli.faults import explain, tell
from hermes_run.cli.order import Order, make_order, read_all
from hermes_run.cli.report import exit_code
from hermes_run.cli.showing import conclude, finish_on_screen
from hermes_run.cli.signals import Signals, listen
from hermes_run.complaints import kept_from_the_screen
from hermes_run.config import SIMULATED, Settings
from hermes_run.prompts import read_prompts
from hermes_run.report import Report
from hermes_run.run import Run, open_run
from hermes_run.tools.opening import Stock, open_stock
from hermes_run.tools.shelf import Shelf
from hermes_run.words import clean


def run_prompts(prompts: Path, settings: Settings) -> int:
    """Run every row of *prompts*, or only say what would be run; gives the exit code."""
    place = settings.out
    try:
        order = make_order(prompts, settings)
        place = order.directory
        return anyio.run(_listening, order)
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        return tell(explain(error, place), place)


async def _listening(order: Order) -> int:
    """Do what is ordered; a signal that comes before there is a run ends it at once."""
    async with listen() as signals:
        with signals.everything:
            async with open_stock(order.settings, order.tools) as stock:
                return await _do(order, stock, signals)
    return 128 + (signals.first or 0)


async def _do(order: Order, stock: Stock, signals: Signals) -> int:
    settings, shelf = order.settings, stock.shelf
    if settings.strict or settings.dry_run:
        intake = await read_all(order, shelf)
        if settings.dry_run:
            output.result("\n".join(describe(order, intake, shelf)))
            return 0
    report, notices = await _run(order, shelf, signals)
    for line in [*stock.notices(), *notices]:
        output.tell(clean(line))
    code = exit_code(report, signals.first)
    conclude(report, code, settings)
    return code


async def _run(order: Order, shelf: Shelf, signals: Signals) -> tuple[Report, list[str]]:
    """Run everything; all of it is on disk when this returns. Gives what is to be told, too.

    Raises:
        EndpointError: nobody answers at the endpoint, or the key is refused.
        RunDirectoryError: the run directory can't be used.
        JournalError: the record can't be written.
        UsageError: there is no key, or the prefill file can't be used.
    """
    from hermes_run.models.opening import open_source  # its libraries load when they are asked for

    settings = order.settings
    given = {"path": str(order.prompts.absolute()), "rows": order.rows}
    async with AsyncExitStack() as stack:
        complaints = stack.enter_context(kept_from_the_screen())
        source = await stack.enter_async_context(open_source(settings))
        rows = await stack.enter_async_context(
            aclosing(read_prompts(order.prompts, settings.system))
        )
        opening = open_run(order.directory, rows, settings, source, shelf, given)
        run = await stack.enter_async_context(opening)
        first = [*_announce(order, run, shelf), *map(clean, source.warnings)]
        return await finish_on_screen(run, order.rows, first, signals, complaints)


def _announce(order: Order, run: Run, shelf: Shelf) -> list[str]:
    settings = order.settings
    where = "" if settings.model == SIMULATED else f" at {run.plan.provider}"
    at_once = f"{settings.concurrency:,} sessions at once{spread(settings)}"
    what = f"model {settings.model}{where}, {at_once}"
    lines = [f"{order.prompts}: {what}, recorded in {order.directory}"]
    return [*lines, walled(run, shelf), *unpriced(run), *unused(shelf)]
