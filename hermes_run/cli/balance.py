"""Whether the sum holds: every row that came in is a session or a reject."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from hermes_run.run_json import REJECTS, settings_of
from recorder.json_text import decode
from recorder.messages import Json
from recorder.reader import lines
from recorder.shapes import array_of, object_of
from recorder.verifying import Faults, Verdict
from recorder.verifying.faults import Place

SUM = "sum"
"""What faults of the sum are called."""


class Balance(msgspec.Struct, frozen=True):
    """The sum of a run: (rows - rejected) x samples + gone = begun + not_started.

    ``gone`` are sessions of rows that were no longer in the prompts file, or of samples that were
    no longer asked for, when the run went on. What was begun has ended, has not, or is damaged.
    """

    rows: int
    rejected: int
    samples: int
    gone: int
    begun: int
    not_started: int


def balance(
    document: Mapping[str, Json] | None, rejected: int, verdict: Verdict, faults: Faults
) -> Balance | str:
    """Weigh what came in against what there is; gives why that can't be done where it can't.

    Args:
        document: what ``run.json`` says; None where it is missing.
        rejected: rows that could not be used.
        verdict: what is in the journal.
        faults: where a sum that does not hold is noted.
    """
    if document is None:
        return "there is no run.json: another program recorded this"
    attempts = [object_of(fact) for fact in array_of(document.get("resumed"))]
    rows = _rows(document, attempts)
    if rows is None:
        return "run.json does not say how many rows came in"
    latest = {**settings_of(document), **(attempts[-1] if attempts else {})}
    samples = _samples(latest)
    gone = _count(attempts[-1].get("sessions_of_rows_gone")) if attempts else 0
    begun = verdict.counts.sessions
    not_started = (rows - rejected) * samples + (gone or 0) - begun
    if not_started < 0 and attempts and "rows" not in attempts[-1]:
        return "the run went on with rows that run.json does not count"
    if rejected > rows:
        faults.add(SUM, f"{rejected:,} rows were rejected, and only {rows:,} came in")
    elif not_started < 0:
        what = f"there are {-not_started:,} more sessions than the rows that came in account for"
        faults.add(SUM, what)
    return Balance(rows, rejected, samples, gone or 0, begun, not_started)


def count_rejects(directory: Path, faults: Faults) -> int:
    """Count the rows that were rejected; a torn tail is none, and equal ones count once.

    Raises:
        OSError: the file can't be read.
    """
    path, offset = directory / REJECTS, 0
    seen: set[bytes] = set()
    if not path.exists():
        return 0
    for line in lines(path):
        if line.complete and _is_reject(line.content):
            seen.add(sha256(line.content).digest()[:8])
        elif line.complete:
            what = "this is no rejected row: it has no `line` and `reason`"
            faults.add(SUM, what, Place(REJECTS, line.number, offset))
        offset += len(line.content) + 1
    return len(seen)


def _is_reject(content: bytes) -> bool:
    try:
        fact = object_of(decode(content))
    except ValueError:
        return False
    return isinstance(fact.get("line"), int) and isinstance(fact.get("reason"), str)


def _rows(document: Mapping[str, Json], attempts: list[dict[str, Json]]) -> int | None:
    """The rows of the prompts file when it was read last."""
    first = object_of(document.get("prompts")).get("rows")
    return _count(attempts[-1].get("rows", first) if attempts else first)


def _samples(settings: Mapping[str, Json]) -> int:
    return _count(settings.get("samples")) or 1


def _count(value: Json) -> int | None:
    return value if type(value) is int and value >= 0 else None
