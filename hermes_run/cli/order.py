"""What is to be run, looked at before anything is spent or written."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import msgspec

from hermes_run.config import Settings
from hermes_run.intake import Intake
from hermes_run.prompts import check_file, count_rows, read_prompts
from hermes_run.run import name_run
from hermes_run.run_json import RUN
from hermes_run.tools.toolbox import Toolbox
from hermes_run.tools.toolsets import load_toolbox
from recorder.errors import RunExistsError
from recorder.run_directory import JOURNAL, was_begun

_STEM = 100


class Order(msgspec.Struct, frozen=True):
    """What is to be run, with which tools, and where it is recorded; ``rows`` may count blanks."""

    prompts: Path
    directory: Path
    settings: Settings
    toolbox: Toolbox
    rows: int


def make_order(prompts: Path, settings: Settings) -> Order:
    """Check everything that needs no network.

    Raises:
        UsageError: the prompts file or a toolset can't be used.
        RunExistsError: there is a run of that name already.
    """
    check_file(prompts)
    directory = name_run(settings, prompts.stem[:_STEM])
    begun = (directory / JOURNAL).exists() and (directory / RUN).exists()
    if begun or was_begun(directory):
        raise RunExistsError(
            f"{directory} holds a run already: go on with `hermes-run resume {directory}`, "
            "or choose another --name"
        )
    rows = count_rows(prompts)
    if settings.limit is not None:
        rows = min(rows, settings.limit)
    return Order(prompts, directory, settings, load_toolbox(settings.toolsets), rows)


async def read_all(order: Order) -> Intake:
    """Read every row and give what was counted; nothing is written.

    Raises:
        UsageError: a row can't be used, and the settings are strict.
    """
    async with aclosing(read_prompts(order.prompts, order.settings.system)) as rows:
        intake = Intake(rows, order.settings, order.toolbox)
        async for _ in intake.jobs:
            pass
    return intake
