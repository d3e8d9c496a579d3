"""``hermes-run resume``: what is left of a run, from where each session stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from hermes_run.cli.faults import explain, tell
from hermes_run.cli.logs import kept_from_the_screen
from hermes_run.cli.report import exit_code
from hermes_run.cli.run import conclude, open_screen
from hermes_run.cli.signals import Signals, listen
from hermes_run.config import ResumeOptions, Settings, check
from hermes_run.drift import drift
from hermes_run.errors import UsageError
from hermes_run.models.source import open_source
from hermes_run.progress.watch import watch
from hermes_run.prompts import check_file, count_rows, read_prompts
from hermes_run.resume import Choices, Resumption, Rows, compare_rows, refuse_drift
from hermes_run.run import Report, reopen_run
from hermes_run.run_json import read_run_json, settings_of, write_run_json
from hermes_run.sandboxes.fencing import fence
from hermes_run.tools.toolsets import load_toolbox
from recorder.events import timestamp
from recorder.messages import Json
from recorder.run_directory import JOURNAL, own_existing
from recorder.shapes import array_of, object_of
from recorder.standing import Standings, stand
from recorder.version import VERSION


class Past(msgspec.Struct, frozen=True):
    """What a run was, and what is different now."""

    directory: Path
    document: Mapping[str, Json]
    prompts: Path
    standings: Standings
    changed: dict[str, tuple[Json, Json]]
    rows: Rows


def resume_run(run: Path, settings: Settings, options: ResumeOptions) -> int:
    """Go on with the run in the directory *run*; gives the exit code."""
    try:
        check(settings)
        return anyio.run(_listening, run, settings, options)
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        return tell(explain(error, run), run)


async def _listening(directory: Path, settings: Settings, options: ResumeOptions) -> int:
    """Go on; a signal that comes before anything goes on ends it at once."""
    async with listen() as signals:
        with signals.everything:
            async with own_existing(directory):
                past = await _look_back(directory, settings, options)
                report = await _go_on(past, settings, options, signals)
            code = exit_code(report, signals.first)
            conclude(report, code, settings)
            return code
    return 128 + (signals.first or 0)


async def _go_on(
    past: Past, settings: Settings, options: ResumeOptions, signals: Signals
) -> Report:
    """Do what is left; all of it is on disk when this returns."""
    directory = past.directory
    choices = Choices(options.restart_failed, options.retry_outcome)
    resumption = await to_thread.run_sync(
        Resumption, directory, past.standings, choices, tuple(past.changed), past.rows
    )
    await fence(past.standings.run)
    async with AsyncExitStack() as stack:
        complaints = stack.enter_context(kept_from_the_screen())
        source = await stack.enter_async_context(open_source(settings))
        rows = await stack.enter_async_context(
            aclosing(read_prompts(past.prompts, settings.system))
        )
        toolbox = load_toolbox(settings.toolsets)
        opening = reopen_run(directory, rows, settings, source, toolbox, resumption)
        run = await stack.enter_async_context(opening)
        await _note(past)
        stack.enter_context(complaints.written_to(run.plan.log))
        screen = stack.enter_context(open_screen(settings, directory.name))
        with suppress(OSError):  # nobody looks: no reason not to go on
            for line in _announce(past, resumption):
                screen.say(line)
        total = _total(past.prompts, settings)
        watching = await stack.enter_async_context(watch(run, total, screen))
        signals.stop(run, watching)
        return await run.finish()


async def _look_back(directory: Path, settings: Settings, options: ResumeOptions) -> Past:
    """Read what the run was, and refuse what would make it another.

    Raises:
        UsageError: a setting or a row changed that may not, or the prompts file is gone.
        CorruptJournalError: the journal does not check.
    """
    if settings.dry_run:
        raise UsageError(f"resume has no --dry-run; what is left: `hermes-run status {directory}`")
    document = read_run_json(directory)
    prompts = options.prompts or _prompts_of(document)
    check_file(prompts)
    changed = drift(settings_of(document), settings)
    standings = await to_thread.run_sync(stand, directory / JOURNAL)
    rows = await compare_rows(prompts, settings, standings)
    if not options.allow_drift:
        refuse_drift(changed, rows)
    return Past(directory, document, prompts, standings, changed, rows)


def _prompts_of(document: Mapping[str, Json]) -> Path:
    path = object_of(document.get("prompts")).get("path")
    if not isinstance(path, str):
        raise UsageError("the run does not say where its prompts are: name them with --prompts")
    return Path(path)


async def _note(past: Past) -> None:
    """Add to what the run was asked that it went on, and with what differences."""
    before = array_of(past.document.get("resumed"))
    fact = {
        "at": timestamp(time.time()),
        "version": VERSION,
        "drift": {name: {"was": old, "is": new} for name, (old, new) in past.changed.items()},
        "rows_changed": len(past.rows.changed),
        "sessions_of_rows_gone": len(past.rows.gone),
    }
    await write_run_json(past.directory, {**past.document, "resumed": [*before, fact]})


def _announce(past: Past, resumption: Resumption) -> list[str]:
    sessions = past.standings.sessions
    over = len(sessions) - resumption.going
    lines = [f"{past.directory}: {over} sessions are kept, {resumption.going} go on"]
    if past.standings.torn:
        lines.append(f"{len(past.standings.torn)} torn tail(s) skipped: they were never promised")
    if past.rows.gone:
        lines.append(f"{len(past.rows.gone)} sessions are of rows that are gone; they are kept")
    return lines


def _total(prompts: Path, settings: Settings) -> int:
    rows = count_rows(prompts)
    return rows if settings.limit is None else min(rows, settings.limit)
