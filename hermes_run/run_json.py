"""What a run was asked: settings, versions, tools, where its rows come from."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from hermes_run.config import SandboxName, Settings, shown
from hermes_run.drift import SEMANTIC, Change, prefill_hash
from hermes_run.tools.shelf import Shelf, odds, whole
from recorder import files
from recorder.errors import RunDirectoryError
from recorder.events import SegmentOpened, SessionStarted, ToolsDeclared, seconds, timestamp
from recorder.json_text import decode, encode
from recorder.messages import Json
from recorder.reader import Entry, read
from recorder.run_directory import JOURNAL
from recorder.shapes import array_of, object_of, text_in
from recorder.version import VERSION

if TYPE_CHECKING:  # who only looks at a run loads nothing that makes one
    from hermes_run.plan import Plan
    from hermes_run.resume import Past

RUN = "run.json"

REJECTS = "rejects.jsonl"
"""File beside it with the rows that can't be used."""

LISTED = 1000
"""Changed rows that are listed for each resumption; those beyond are counted only."""

GONE = 20
"""Sessions that are listed of rows that are gone; those beyond are counted only."""


def asked(plan: Plan, shelf: Shelf, prompts: Mapping[str, Json]) -> dict[str, Json]:
    """Say what a run is asked, without secrets; all paths are whole, it may go on from elsewhere.

    Args:
        plan: what its sessions share.
        shelf: the tools that there are.
        prompts: where the rows come from.
    """
    return {
        "run": plan.record.run,
        "created": timestamp(time.time()),
        "version": VERSION,
        "python": platform.python_version(),
        "folder": str(plan.folder),
        **_meant(plan, shelf, prompts),
    }


def asked_again(plan: Plan, shelf: Shelf, past: Past) -> dict[str, Json]:
    """Say what a run is asked now that it goes on, and what that was before.

    Args:
        plan: what its sessions share.
        shelf: the tools that there are.
        past: what the run was.
    """
    meant = _meant(plan, shelf, past.prompts)
    before, now = settings_of(past.document), object_of(meant["settings"])
    others = [name for name in now if name not in SEMANTIC and before.get(name) != now[name]]
    fact = {
        "at": timestamp(time.time()),
        "version": VERSION,
        "last_fact": past.standings.statistics.value().last,
        "sessions_begun": len(past.standings.sessions),
        "rows": past.rows.rows,
        "samples": plan.settings.samples,
        "sessions_of_rows_gone": len(past.rows.gone),
        "gone": list(past.rows.gone[:GONE]),
        "rows_changed": len(past.rows.changed),
        "changed_rows": _listed(past.rows.changed),
        "rows_retooled": len(past.rows.retooled),
        "retooled_rows": _listed(past.rows.retooled),
        "drift": _written(past.changed.items()),
        "settings": {name: {"was": before.get(name), "is": now[name]} for name in others},
    }
    resumed = [*array_of(past.document.get("resumed")), fact]
    return {**past.document, **meant, "resumed": resumed}


def asked_as_recorded(directory: Path) -> dict[str, Json]:
    """Say what a run was asked as far as its journal tells: the model, its sampling and the tools.

    For a run that lost its ``run.json``. Where the rows come from, the endpoint and the system
    prompt of the run are not in there.

    Args:
        directory: the run directory; its journal is sound.

    Raises:
        RunDirectoryError: it can't be read.
        CorruptJournalError: a line does not check.
    """
    tools = dict[str, Json]()
    document: dict[str, Json] = {"run": "", "remade": timestamp(time.time()), "settings": {}}
    for entry in read(directory / JOURNAL):
        event = entry.event if isinstance(entry, Entry) else None
        if isinstance(event, SegmentOpened):
            document["run"] = event.run
        elif isinstance(event, ToolsDeclared):
            tools[event.tools_hash] = list(event.tools)
        elif isinstance(event, SessionStarted):
            asked = {"model": event.model, **_sampled(event)}
            if event.draw_seed is None:  # what was drawn for one prompt says nothing of the run
                asked["toolsets"] = list(event.toolsets)
            return {**document, "settings": asked, "tools": tools.get(event.tools_hash, [])}
    return document


def _sampled(event: SessionStarted) -> dict[str, Json]:
    """The settings that a session records as one table; the effort is one of its own."""
    sampling = dict(event.sampling)
    effort = sampling.pop("reasoning_effort", None)
    return {"sampling": sampling, "reasoning_effort": effort}


async def write_run_json(directory: Path, document: Mapping[str, Json]) -> None:
    """Replace what the run directory says the run was asked.

    Raises:
        OSError: it can't be written.
    """
    content = msgspec.json.format(encode(document), indent=2) + b"\n"
    await files.replace(directory / RUN, content)


def settings_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """The settings in a run's ``run.json``."""
    return object_of(document.get("settings"))


def idle_of(document: Mapping[str, Json], last: str) -> float:
    """Seconds in which nobody worked at a run: between an attempt's last fact and the next attempt.

    Args:
        document: the run's ``run.json``.
        last: when its last fact was recorded; an attempt after it brought nothing.
    """
    idle, until, latest = 0.0, 0.0, _seconds(last)
    for fact in map(object_of, array_of(document.get("resumed"))):
        begin, end = max(until, _seconds(fact.get("last_fact"))), _seconds(fact.get("at"))
        end = min(end, latest)
        if fact.get("last_fact") and end > begin:
            idle, until = idle + end - begin, end
    return idle


def _seconds(written: Json) -> float:
    try:
        return seconds(text_in(written))
    except (ValueError, OverflowError):
        return 0.0


def folder_of(document: Mapping[str, Json]) -> Path:
    """The folder that relative paths in the rows of a run begin from."""
    return Path(text_in(document.get("folder"))).absolute()


def read_run_json(directory: Path) -> Mapping[str, Json]:
    """Read what a run was asked.

    Raises:
        RunDirectoryError: there is no run in *directory* that this command began.
    """
    try:
        return object_of(decode((directory / RUN).read_bytes()))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(
            f"{directory} holds no run of hermes-run: its {RUN} can't be read: {error}"
        ) from error


def _listed(changes: Mapping[str, Change]) -> dict[str, Json]:
    return _written(islice(changes.items(), LISTED))


def _written(changes: Iterable[tuple[str, Change]]) -> dict[str, Json]:
    return {name: {"was": one.was, "is": one.now} for name, one in changes}


def _meant(plan: Plan, shelf: Shelf, prompts: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "model": plan.model_name,
        "provider": plan.provider,
        "sandbox": plan.wall.name,
        "prompts": prompts,
        "settings": shown(_whole(plan)),
        "prefill": prefill_hash(plan.prefill),
        "tools": whole(shelf).schemas,
        "odds": odds(shelf),
    }


def _whole(plan: Plan) -> Settings:
    """Give the settings with paths that mean the same in every folder, and the wall that was found.

    A run goes on behind the wall that it was begun behind, or not at all.
    """
    settings = plan.settings
    paths = ("out", "prefill", "prices", "mcp", "toolsets_file")
    whole = {name: path.absolute() for name in paths if (path := getattr(settings, name))}
    return dataclasses.replace(settings, sandbox=cast("SandboxName", plan.wall.name), **whole)
