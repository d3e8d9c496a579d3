"""An open run on the screen: what is said first, how it stands, and what it came to."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress

import msgspec

from hermes_run.cli import output
from hermes_run.cli.report import report_lines
from hermes_run.cli.signals import Signals
from hermes_run.collecting import collecting_seldom
from hermes_run.complaints import Complaints
from hermes_run.config import Settings
from hermes_run.progress.screens import JsonLines, Lines, Quiet, Screen, open_panel
from hermes_run.progress.watch import watch
from hermes_run.report import Report
from hermes_run.run import Run
from recorder.json_text import encode


async def finish_on_screen(
    run: Run, rows: int, first: Iterable[str], signals: Signals, complaints: Complaints
) -> tuple[Report, list[str]]:
    """Do all that *run* has to do, on the screen, where signals stop it.

    Gives what it came to, and what is to be told besides.

    Args:
        run: the run.
        rows: how many rows its prompts file has, as far as is known.
        first: what to say before anything else.
        signals: what came, and what comes.
        complaints: what goes to the log of the run meanwhile.

    Raises:
        JournalError: the record can't be written.
        CorruptJournalError: a session that goes on can't be folded.
        UsageError: a row can't be used, and the settings are strict.
    """
    plan = run.plan
    with (
        complaints.written_to(plan.log),
        _open_screen(plan.settings, plan.record.directory.name) as screen,
    ):
        with suppress(OSError):  # nobody looks: no reason not to run
            for line in first:
                screen.say(line)
        async with watch(run, rows, screen) as watching:
            signals.stop(run, watching)
            with collecting_seldom():
                return await run.finish(), run.notices


@contextmanager
def _open_screen(settings: Settings, name: str) -> Generator[Screen]:
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
