"""What a run says before its first session."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path

from hermes_run.config import Settings, option
from hermes_run.prices import unpriced_notice
from hermes_run.resume import Past
from hermes_run.run import Run
from hermes_run.tools.shelf import Shelf, idle, whole
from hermes_run.words import clean
from hermes_run.workspace import WORKSPACES
from recorder.run_directory import LOST

NO_WALL = "Tools are not sandboxed: what the model runs, runs as you, in {folder}."

NO_WALL_FOR_ROWS = (
    "No tool works in a folder. What a row itself asks for (toolsets, setup, verify) is not "
    "sandboxed: it runs as you, in {folder}."
)

_NAMED = 5


def spread(settings: Settings) -> str:
    """Say over how many processes sessions are spread, if these are several."""
    return "" if settings.workers == 1 else f" in {settings.workers:,} processes"


def walled(run: Run, shelf: Shelf) -> str:
    """Say what tools run behind, and what they reach; rows may ask for what *shelf* gives none."""
    plan = run.plan
    if plan.wall.name == "none":
        has_folder = any(tool.has_folder for tool in whole(shelf).tools.values())
        said = NO_WALL if has_folder else NO_WALL_FOR_ROWS
        return said.format(folder=plan.record.directory / WORKSPACES)
    reach = "all that this machine reaches" if plan.settings.network == "host" else "no network"
    return f"Tools run in {plan.wall.name} with {reach}."


def unused(shelf: Shelf) -> list[str]:
    """Say that servers were started for nothing, as far as is known."""
    said = "no prompt gets the tools of the MCP server {0} unless its row asks: --toolsets {0}"
    return [clean(said.format(name)) for name in idle(shelf)]


def unpriced(run: Run) -> list[str]:
    """Say that a cost may stay unknown, where it is asked for or bounds something."""
    settings = run.plan.settings
    bounds = [name for name in ("max_session_cost_usd", "max_cost_usd") if getattr(settings, name)]
    typed = tuple(option(name) for name in bounds)
    notice = unpriced_notice(run.plan.model_name, run.plan.prices, typed, settings.prices)
    return [notice] if notice else []


def going_on(directory: Path, past: Past) -> list[str]:
    """Say what of a run is done, what goes on, and what is not as it was."""
    rows, sessions = past.rows, past.standings.sessions
    kept = len(sessions) - rows.going
    counts = f"sessions kept: {kept:,}, going on: {rows.going:,}, to begin: {rows.begun:,}"
    lines = [f"{directory}: {counts}"]
    if past.standings.torn:
        lines.append(f"{len(past.standings.torn)} torn tail(s) skipped: they were never promised")
    if past.sifted and past.sifted.lost:
        lines.append(
            f"{len(past.sifted.lost):,} sessions have rows and no end in the journal, which was "
            f"written with --sync none; their rows are kept in {LOST}"
        )
    if rows.gone:
        named = _some(rows.gone)
        lines.append(
            f"{len(rows.gone):,} sessions are of rows or samples that are gone ({named}); "
            "they are kept"
        )
    if said := _changes(past):
        lines.append(f"going on although this changed: {'; '.join(said)}")
    return lines


def _changes(past: Past) -> list[str]:
    """Say what is not as it was, and was allowed."""
    kinds = {"the content": past.rows.changed, "the tools": past.rows.retooled}
    said = [", ".join(past.changed)] if past.changed else []
    for what, rows in kinds.items():
        if rows:
            plural = "" if len(rows) == 1 else "s"
            said.append(f"{what} of {len(rows):,} row{plural} ({_some(rows)})")
    return said


def _some(names: Collection[str]) -> str:
    """Name the first few."""
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(clean(repr(name), 80) for name in islice(names, _NAMED)) + more
