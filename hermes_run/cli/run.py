"""The default command: run a session for every row."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from pathlib import Path

import anyio
import msgspec

from hermes_run.cli import output
from hermes_run.cli.announcing import spread, unpriced, unused, walled
from hermes_run.cli.dry_run import describe
from hermes_run.cli.faults import explain, tell
from hermes_run.cli.order import Order, make_order, read_all
from hermes_run.cli.report import exit_code, report_lines
from hermes_run.cli.signals import Signals, listen
from hermes_run.collecting import collecting_seldom
from hermes_run.complaints import kept_from_the_screen
from hermes_run.config import SIMULATED, Settings
from hermes_run.models.source import open_source
from hermes_run.progress.screens import JsonLines, Lines, Quiet, Screen, open_panel
from hermes_run.progress.watch import watch
from hermes_run.prompts import read_prompts
from hermes_run.report import Report
from hermes_run.run import Run, open_run
from hermes_run.tools.opening import Stock, open_stock
from hermes_run.tools.shelf import Shelf
from hermes_run.words import clean
from recorder.json_text import encode


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
        stack.enter_context(complaints.written_to(run.plan.log))
        screen = stack.enter_context(open_screen(settings, order.directory.name))
        with suppress(OSError):  # nobody looks: no reason not to run
            for line in [*_announce(order, run), *unused(shelf), *map(clean, source.warnings)]:
                screen.say(line)
        watching = await stack.enter_async_context(watch(run, order.rows, screen))
        signals.stop(run, watching)
        stack.enter_context(collecting_seldom())
        return await run.finish(), run.notices


def _announce(order: Order, run: Run) -> list[str]:
    settings = order.settings
    where = "" if settings.model == SIMULATED else f" at {run.plan.provider}"
    at_once = f"{settings.concurrency:,} sessions at once{spread(settings)}"
    what = f"model {settings.model}{where}, {at_once}"
    lines = [f"{order.prompts}: {what}, recorded in {order.directory}"]
    return [*lines, walled(run), *unpriced(run)]


@contextmanager
def open_screen(settings: Settings, name: str) -> Generator[Screen]:
    """Open what progress is shown on."""
    mode = settings.progress
    if mode == "auto":
        mode = "rich" if _is_terminal() else "plain"
    if mode == "rich":
        with open_panel(name) as panel:
            yield panel
    elif mode == "json":
        yield JsonLines()
    else:
        yield Lines() if mode == "plain" else Quiet()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def conclude(report: Report, code: int, settings: Settings) -> None:
    """Tell what the run came to; standard output gets the run directory and nothing else."""
    if settings.progress == "json":
        text = encode({"report": {"exit_code": code, **msgspec.structs.asdict(report)}}).decode()
    else:
        text = "\n".join(report_lines(report, settings.samples))
    output.tell(text)
    output.result(report.directory)
