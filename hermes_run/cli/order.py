"""What is to be run, looked at before anything is spent or written."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import msgspec

from hermes_run.cli.descriptors import allow_open_files
from hermes_run.config import Settings
from hermes_run.intake import Intake
from hermes_run.prices import read_prices
from hermes_run.prompts import check_file, count_rows, read_prompts
from hermes_run.run import name_run
from hermes_run.run_json import RUN
from hermes_run.tools.own import load_tools
from hermes_run.tools.shelf import Shelf
from hermes_run.tools.tool import Tool
from recorder.errors import RunExistsError, RunLockedError
from recorder.lock import holder
from recorder.run_directory import JOURNAL, was_begun
from recorder.segment import segments

_STEM = 100


class Order(msgspec.Struct, frozen=True):
    """What is to be run, with which tools of one's own, and where it is recorded.

    ``rows`` may count blanks.
    """

    prompts: Path
    directory: Path
    settings: Settings
    tools: tuple[Tool, ...]
    rows: int


def make_order(prompts: Path, settings: Settings) -> Order:
    """Check everything that needs no network.

    Raises:
        UsageError: the prompts file, a tool of one's own, the file of prices or so many sessions at
            once can't be used.
        RunExistsError: there is a run of that name already.
        RunLockedError: it is going on.
    """
    check_file(prompts)
    allow_open_files(settings.concurrency, settings.workers)
    read_prices(settings.prices)
    directory = name_run(settings, prompts.stem[:_STEM])
    _refuse_a_run(directory)
    rows = count_rows(prompts)
    if settings.limit is not None:
        rows = min(rows, settings.limit)
    return Order(prompts, directory, settings, load_tools(settings.tools), rows)


def _refuse_a_run(directory: Path) -> None:
    journal = directory / JOURNAL
    begun = journal.exists() and segments(journal) and (directory / RUN).exists()
    if not (begun or was_begun(directory)):
        return
    if (process := holder(directory)) is not None:
        raise RunLockedError(
            f"{directory} is in use by process {process or 'unknown'}: wait for it to end, "
            "or choose another --name"
        )
    raise RunExistsError(
        f"{directory} holds a run already: go on with `hermes-run resume {directory}`, "
        "or choose another --name"
    )


async def read_all(order: Order, shelf: Shelf) -> Intake:
    """Read every row and give what was counted; nothing is written.

    Raises:
        UsageError: a row can't be used, and the settings are strict.
    """
    async with aclosing(read_prompts(order.prompts, order.settings.system)) as rows:
        intake = Intake(rows, order.settings, shelf)
        await intake.finish_counting()
    return intake
