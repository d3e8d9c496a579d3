"""``hermes-run verify``: every line, every session, every row, and the sum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import anyio
import msgspec

from hermes_run.beside import writing
from hermes_run.cli import output
from hermes_run.cli.balance import SUM, balance, count_rejects
from hermes_run.cli.faults import explain, tell
from hermes_run.cli.findings import Verified, describe, shown
from hermes_run.cli.status import no_run
from hermes_run.errors import UsageError
from hermes_run.run_json import REJECTS, RUN, asked_as_recorded, write_run_json
from recorder.errors import MisuseError, RunDirectoryError
from recorder.events import tools_hash
from recorder.json_text import decode, encode
from recorder.messages import Json
from recorder.run_directory import JOURNAL
from recorder.shapes import object_of, text_in
from recorder.verifying import (
    Faults,
    Salvaged,
    Survey,
    Verdict,
    check_place,
    inspect,
    salvage,
    survey,
)

Tools: TypeAlias = list[tuple[dict[str, Json], ...]]


def verify_run(directory: Path, out: Path | None, *, as_json: bool) -> int:
    """Verify the run in *directory*, and salvage it to *out* if that is given.

    Gives the exit code: 0 where it is sound, 1 where it is not, 2 where there is no run.
    """
    try:
        verified = verify(directory, out)
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        return tell(explain(error, directory), directory)
    output.result(encode(shown(verified)).decode() if as_json else "\n".join(describe(verified)))
    return 0 if verified.sound else 1


def verify(directory: Path, out: Path | None = None) -> Verified:
    """Look at everything in a run directory; nothing in it is changed.

    Args:
        directory: the run directory.
        out: where to write what is sound; None where that is not asked for.

    Raises:
        UsageError: there is no run there.
        RunDirectoryError: it can't be read, or *out* can't be used.
        JournalError: *out* can't be written.
    """
    if not (directory / JOURNAL).is_dir():
        raise UsageError(no_run(directory))
    if out:
        check_place(directory, out)
    faults = Faults()
    try:
        document = _asked(directory, faults)
        seen = survey(directory, text_in((document or {}).get("run")))
        tools = _tools(document)
        lost = document is not None and not document
        verdict = inspect(seen, tools)
        weighed = balance(document, count_rejects(directory, faults), verdict, faults)
    except OSError as error:
        raise RunDirectoryError(f"the run can't be read: {error}") from error
    return Verified(
        directory=str(directory),
        verdict=verdict,
        sum=weighed,
        faults=(*verdict.faults, *faults.kept),
        fault_counts={**verdict.fault_counts, **faults.counts},
        salvaged=_salvage(_Sight(seen, verdict, tools), out, lost=lost) if out else None,
        remade=lost and out is not None,
    )


def _asked(directory: Path, faults: Faults) -> Mapping[str, Json] | None:
    """What the run was asked; a run without ``run.json`` was recorded by another program."""
    path = directory / RUN
    if not path.exists():
        return None
    try:
        document = object_of(decode(path.read_bytes()))
    except ValueError as error:
        faults.add(SUM, f"run.json can't be read: {error}")
        return {}
    return document


def _tools(document: Mapping[str, Json] | None) -> Tools:
    """The tools of the run, for a journal that lost their declaration."""
    try:
        given = msgspec.convert((document or {}).get("tools"), tuple[dict[str, Json], ...])
        tools_hash(given)
    except (msgspec.ValidationError, MisuseError):
        return []
    return [given]


class _Sight(msgspec.Struct, frozen=True):
    """What was seen of a run."""

    survey: Survey
    verdict: Verdict
    tools: Tools


def _salvage(sight: _Sight, out: Path, *, lost: bool) -> Salvaged:
    """Save what is sound; a ``run.json`` that is *lost* is made again, for a run that can go on."""
    beside = (REJECTS,) if lost else (RUN, REJECTS)
    saved = anyio.run(salvage, sight.survey, sight.verdict, out, sight.tools, beside)
    if lost:
        with writing(out / RUN):
            anyio.run(write_run_json, out, asked_as_recorded(out))
    return saved
