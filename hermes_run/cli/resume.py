"""``hermes-run resume``: what is left of a run, from where each session stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import cast

import anyio
import msgspec
from anyio import to_thread

from hermes_run.cli import output
from hermes_run.cli.announcing import going_on, unpriced, walled
from hermes_run.cli.descriptors import allow_open_files
from hermes_run.cli.faults import Fault, explain, tell
from hermes_run.cli.report import exit_code
from hermes_run.cli.showing import conclude, finish_on_screen
from hermes_run.cli.signals import Signals, listen
from hermes_run.complaints import kept_from_the_screen
from hermes_run.config import ResumeOptions, SandboxName, Settings, check
from hermes_run.drift import Meant, drift
from hermes_run.errors import SandboxError, UsageError
from hermes_run.intake import Intake
from hermes_run.prices import read_prices
from hermes_run.prompts import check_file, read_prompts
from hermes_run.report import Report
from hermes_run.resume import Choices, Past, Resumption, Rows, compare_rows, refuse_drift
from hermes_run.run import reopen_run
from hermes_run.run_json import REJECTS, folder_of, read_run_json, settings_of
from hermes_run.sandboxes.fencing import fence
from hermes_run.shared import read_prefill
from hermes_run.tools.opening import open_stock
from hermes_run.tools.own import load_tools
from hermes_run.tools.shelf import Shelf, odds, whole
from hermes_run.tools.tool import Tool
from hermes_run.words import clean
from recorder import files
from recorder.errors import CorruptJournalError
from recorder.mending import sift
from recorder.messages import Json
from recorder.run_directory import JOURNAL, own_existing
from recorder.shapes import object_of, text_in
from recorder.standing import Standings, stand

_NAMED = 5
"""Rows and sessions that are named one by one."""


class Again(msgspec.Struct, frozen=True):
    """What is to go on, and how."""

    directory: Path
    settings: Settings
    options: ResumeOptions
    tools: tuple[Tool, ...] = ()

    @property
    def choices(self) -> Choices:
        """Which sessions go on."""
        return Choices(self.options.restart_failed, self.options.retry_outcome)


def resume_run(run: Path, settings: Settings, options: ResumeOptions) -> int:
    """Go on with the run in the directory *run*; gives the exit code."""
    try:
        _check(run, settings)
        settings = _behind_the_same_wall(run, settings)
        again = Again(run, settings, options, _tools(run, settings))
        return anyio.run(_listening, again)
    except CorruptJournalError as error:
        return tell(Fault(1, _damaged(run, error)), run)
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        return tell(explain(error, run), run)


def _check(directory: Path, settings: Settings) -> None:
    """Refuse what can't be gone on with.

    Raises:
        UsageError: the text names the option and what to type.
    """
    check(settings)
    allow_open_files(settings.concurrency, settings.workers)
    read_prices(settings.prices)
    if settings.dry_run:
        raise UsageError(f"resume has no --dry-run; what is left: `hermes-run status {directory}`")


def _behind_the_same_wall(directory: Path, settings: Settings) -> Settings:
    """Let `auto` mean what it meant when the run was begun.

    Raises:
        RunDirectoryError: there is no run of this command.
    """
    was = settings_of(read_run_json(directory)).get("sandbox")
    if settings.sandbox != "auto" or not isinstance(was, str):
        return settings
    return dataclasses.replace(settings, sandbox=cast("SandboxName", was))


def _tools(directory: Path, settings: Settings) -> tuple[Tool, ...]:
    """Load the tools of one's own, from where the run was begun.

    Raises:
        UsageError: one can't be used.
        RunDirectoryError: there is no run of this command.
    """
    if not settings.tools:
        return ()
    return load_tools(settings.tools, folder_of(read_run_json(directory)))


async def _listening(again: Again) -> int:
    """Go on; a signal that comes before anything goes on ends it at once."""
    async with listen() as signals:
        with signals.everything:
            report = await _resume(again, signals)
            code = exit_code(report, signals.first)
            conclude(report, code, again.settings)
            return code
    return 128 + (signals.first or 0)


async def _resume(again: Again, signals: Signals) -> Report:
    async with own_existing(again.directory):
        folder = folder_of(read_run_json(again.directory))
        async with open_stock(again.settings, again.tools, folder) as stock:
            with _draft_of(again.directory / REJECTS) as rejects:
                past = await _look_back(again, stock.shelf, rejects)
                report, notices = await _go_on(again, past, stock.shelf, signals)
            for line in [*stock.notices(), *notices]:
                output.tell(clean(line))
            return report


@contextmanager
def _draft_of(path: Path) -> Generator[Path]:
    """Give a name for what is to replace *path*; what was not put in its place is removed."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # a crash may have left it
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


class _Given(msgspec.Struct, frozen=True):
    """What the run was asked, its rows and tools now, and where to list rows of no use."""

    document: Mapping[str, Json]
    prompts: Path
    shelf: Shelf
    rejects: Path


async def _look_back(again: Again, shelf: Shelf, rejects: Path) -> Past:
    """Read what the run was, and refuse what would make it another; nothing is changed.

    Raises:
        UsageError: a setting or a row changed that may not, or the prompts file is gone.
        RunDirectoryError: there is no run of this command.
        CorruptJournalError: the journal does not check, or lost sessions that have rows.
        OSError: something can't be read.
    """
    settings = again.settings
    document = read_run_json(again.directory)
    prompts = again.options.prompts or _prompts_of(document)
    check_file(prompts)
    prefill = read_prefill(settings.prefill)
    meant = Meant(settings, whole(shelf).schemas, prefill, odds(shelf))
    changed = drift(document, meant)
    standings = _of_run(await to_thread.run_sync(stand, again.directory / JOURNAL), document)
    sifted = await to_thread.run_sync(sift, again.directory, standings)
    rows = await _compare(again, _Given(document, prompts, shelf, rejects), standings)
    if not again.options.allow_drift:
        refuse_drift(changed, rows)
    return Past(
        document=document,
        standings=standings,
        rows=rows,
        changed=changed,
        prompts={"path": str(prompts.absolute()), "rows": rows.rows},
        rejects=rejects,
        sifted=sifted,
    )


def _of_run(standings: Standings, document: Mapping[str, Json]) -> Standings:
    """Fill in what a journal does not say that lost its first line."""
    settings = object_of(document.get("settings"))
    return msgspec.structs.replace(
        standings,
        run=standings.run or text_in(document.get("run")),
        unsynced=standings.unsynced or settings.get("sync") == "none",
    )


async def _compare(again: Again, given: _Given, standings: Standings) -> Rows:
    """Read the prompts file once, and list the rows that can't be used."""
    settings = again.settings
    async with (
        aclosing(read_prompts(given.prompts, settings.system)) as rows,
        files.open_rows(given.rejects) as listed,
    ):
        intake = Intake(rows, settings, given.shelf, listed)
        return await compare_rows(intake, standings, again.choices, given.document)


def _prompts_of(document: Mapping[str, Json]) -> Path:
    path = object_of(document.get("prompts")).get("path")
    if not isinstance(path, str):
        raise UsageError("the run does not say where its prompts are: name them with --prompts")
    return Path(path)


async def _go_on(
    again: Again, past: Past, shelf: Shelf, signals: Signals
) -> tuple[Report, list[str]]:
    """Do what is left; all of it is on disk when this returns. Gives what is to be told, too."""
    from hermes_run.models.opening import open_source, unasked  # loads only where a run goes on

    directory, settings = again.directory, again.settings
    resumption = await to_thread.run_sync(Resumption, directory, past, again.choices)
    await _fence(past.standings.run, directory)
    async with AsyncExitStack() as stack:
        complaints = stack.enter_context(kept_from_the_screen())
        if past.rows.going or past.rows.begun:
            source = await stack.enter_async_context(open_source(settings))
        else:
            source = unasked(settings)
        prompts = Path(past.prompts["path"])
        rows = await stack.enter_async_context(aclosing(read_prompts(prompts, settings.system)))
        opening = reopen_run(directory, rows, settings, source, shelf, resumption)
        run = await stack.enter_async_context(opening)
        first = [*going_on(directory, past), walled(run, shelf), *unpriced(run)]
        first += map(clean, source.warnings)
        return await finish_on_screen(run, past.rows.rows, first, signals, complaints)


async def _fence(run: str, directory: Path) -> None:
    """End what the process before left running.

    Raises:
        UsageError: that can't be done.
    """
    try:
        await fence(run, directory)
    except SandboxError as error:
        raise UsageError(f"{error}. End them, then resume.") from error


def _damaged(directory: Path, error: CorruptJournalError) -> str:
    return (
        f"the journal of {directory} is damaged: {clean(str(error), 500)}\n"
        "Nothing was asked and nothing was changed.\n"
        f"What is wrong: `hermes-run verify {directory}`; to save what is sound into a run that "
        f"can go on: `hermes-run verify {directory} --salvage OUT`"
    )
