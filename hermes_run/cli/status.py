"""``hermes-run status``: how a run stands, read off its journal without disturbing it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from hermes_run.cli import output
from hermes_run.cli.faults import explain, tell
from hermes_run.cli.report import advice, rewards, wall_s
from hermes_run.errors import UsageError
from hermes_run.progress.panel import retries, tokens, tools
from hermes_run.report import Again, Poisoned, again
from hermes_run.run_json import REJECTS, RUN, idle_of
from hermes_run.words import clean, counts, duration
from recorder.errors import CorruptJournalError
from recorder.json_text import decode, encode
from recorder.lock import holder
from recorder.messages import Json
from recorder.reader import Entry, Torn, read
from recorder.run_directory import JOURNAL
from recorder.shapes import object_of
from recorder.statistics import RunStatistics, StatisticsFold

State: TypeAlias = Literal["running", "ended", "stopped"]


class Status(msgspec.Struct, frozen=True):
    """How a run stands; ``rows``, ``total`` and ``left`` are None where nobody wrote them down.

    ``left`` are sessions that have not ended, ``again`` those that ended without success and would
    be tried again, ``poison`` and ``uncertain`` those that would be only if that is asked for.
    ``torn`` are tails that a crash cut off; nothing that counts is in them.
    """

    run: str
    directory: str
    state: State
    pid: int | None
    rows: int | None
    rejected: int
    total: int | None
    left: int | None
    again: int
    poison: int
    uncertain: int
    wall_s: float
    sessions_per_min: float
    turns_per_s: float
    statistics: RunStatistics
    torn: tuple[Torn, ...]


def show_status(directory: Path, *, as_json: bool) -> int:
    """Print how the run in *directory* stands; gives the exit code."""
    try:
        status = read_status(directory)
    except CorruptJournalError as error:
        output.tell(f"hermes-run: the journal of {directory} is damaged: {error}")
        return 1
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        return tell(explain(error, directory), directory)
    output.result(encode(status).decode() if as_json else "\n".join(describe(status)))
    return 0


def read_status(directory: Path) -> Status:
    """Read how the run in *directory* stands; nothing is written.

    Raises:
        UsageError: there is no run there.
        CorruptJournalError: a line of the journal does not check.
        OSError: the record can't be read.
    """
    if not (directory / JOURNAL).is_dir():
        raise UsageError(no_run(directory))
    pid = holder(directory)
    poisoned = Poisoned()
    fold, torn = fold_once(read(directory / JOURNAL), poisoned)
    asked = _asked(directory)
    statistics, rejected = fold.value(), _count_lines(directory / REJECTS)
    rows, samples = object_of(asked.get("prompts")).get("rows"), _samples(asked)
    total = (rows - rejected) * samples if isinstance(rows, int) else None
    ended = sum(statistics.outcomes.values())
    wall = wall_s(statistics, idle_of(asked, statistics.last))
    failed = again(statistics, len(poisoned.names))
    left = statistics.running if total is None else max(total - ended, statistics.running)
    return Status(
        run=str(asked.get("run", "")),
        directory=str(directory),
        state="running" if pid is not None else "stopped" if left else "ended",
        pid=pid,
        rows=rows if total is not None else None,
        rejected=rejected,
        total=total,
        left=left,
        again=failed.unasked,
        poison=failed.poison,
        uncertain=failed.uncertain,
        wall_s=wall,
        sessions_per_min=round(60 * ended / wall, 2) if wall else 0.0,
        turns_per_s=round(statistics.replies / wall, 2) if wall else 0.0,
        statistics=statistics,
        torn=() if pid is not None else tuple(torn),
    )


def fold_once(
    entries: Iterable[Entry | Torn], poisoned: Poisoned | None = None
) -> tuple[StatisticsFold, list[Torn]]:
    """Count every fact once: when a disk fills up, some are written twice."""
    poisoned = poisoned or Poisoned()
    fold, torn = StatisticsFold(), list[Torn]()
    due: dict[str, int] = {}
    for entry in entries:
        if isinstance(entry, Torn):
            torn.append(entry)
            continue
        event = entry.event
        if not event.session:
            continue
        if event.seq >= due.get(event.session, 0):
            due[event.session] = event.seq + 1
            fold.add(event)
            poisoned.add(event)
    return fold, torn


def describe(status: Status) -> list[str]:
    """Write how a run stands, in words."""
    statistics = status.statistics
    lines = [
        f"run:      {clean(status.directory)}, {_state(status)}",
        f"sessions: {_sessions(status)}",
        f"pace:     {_pace(status)}",
        *rewards(statistics),
        f"tokens:   {tokens(statistics)}",
        f"tools:    {tools(statistics)}",
        f"failures: {retries(statistics)}",
        *(f"torn:     {_torn(torn)}" for torn in status.torn),
    ]
    if status.state != "running":
        left = Again(status.again, status.poison, status.uncertain)
        commands = advice(status.directory, left, is_cut=bool(status.left))
        marked = zip(chain(["next:"], repeat("")), commands, strict=False)
        lines += [f"{mark:<10}{line}" for mark, line in marked]
    return lines


def _sessions(status: Status) -> str:
    rows = "" if status.rows is None else f"{status.rows:,} rows, "
    outcomes = counts(status.statistics.outcomes) or "none ended"
    left = "" if status.left is None else f", {status.left:,} not ended"
    poison = f" ({status.poison:,} of tool_error are poison)" if status.poison else ""
    return f"{rows}{status.rejected:,} rejected: {outcomes}{poison}{left}"


def _pace(status: Status) -> str:
    pace = f"{status.sessions_per_min:.1f} sessions/min, {status.turns_per_s:.1f} turns/s"
    return f"{pace} over {duration(status.wall_s)}"


def _torn(torn: Torn) -> str:
    return f"{torn.segment} ends in {torn.size:,} bytes that were never acknowledged; skipped"


def _state(status: Status) -> str:
    if status.state == "running":
        return f"running in process {status.pid or 'unknown'}"
    return "ended" if status.state == "ended" else "stopped before its end"


def no_run(directory: Path) -> str:
    """Say that there is no run in *directory*, and where there may be one."""
    if not directory.exists():
        return f"{directory} does not exist: name a run directory, as in runs/NAME"
    runs = sorted(path.parent.name for path in directory.glob(f"*/{JOURNAL}"))[-3:]
    inside = f"; there are runs in it, as {directory / runs[-1]}" if runs else ""
    return f"{directory} holds no run{inside}: name a directory with a {JOURNAL} folder"


def _asked(directory: Path) -> dict[str, Json]:
    """What run.json says; a run without one was recorded by somebody else's agent."""
    try:
        return object_of(decode((directory / RUN).read_bytes()))
    except (FileNotFoundError, ValueError):
        return {}


def _samples(asked: dict[str, Json]) -> int:
    samples = object_of(asked.get("settings")).get("samples")
    return samples if isinstance(samples, int) else 1


def _count_lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
