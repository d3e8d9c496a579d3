"""What there is in a run directory, and how far it is looked at while it may still grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from recorder.errors import RunDirectoryError
from recorder.lock import holder
from recorder.run_directory import JOURNAL, STATISTICS
from recorder.segment import segments
from recorder.verifying.faults import Faults
from recorder.verifying.rows import Rows, read_rows
from recorder.verifying.scanning import Extent, last_lines


class Survey(msgspec.Struct, frozen=True):
    """What is to be looked at; ``pid`` owned the run meanwhile, if anybody did.

    ``last`` gives the number of the line that speaks of a session last, ``run`` the run's id, and
    ``statistics`` the content of that file, where it is there. Rows were read before the journal
    was measured, so that the session of each is in it.
    """

    directory: Path
    pid: int | None
    rows: Rows
    statistics: bytes | None
    extents: list[Extent]
    last: dict[str, int]
    run: str
    faults: Faults


def survey(directory: Path, run: str = "") -> Survey:
    """Find out what there is in the run directory *directory*.

    Args:
        directory: the run directory.
        run: the id of the run, for a journal that lost it.

    Raises:
        RunDirectoryError: there is no run there, or it can't be read.
    """
    try:
        return _survey(directory, run)
    except OSError as error:
        raise RunDirectoryError(f"the run can't be read: {error}") from error


def _survey(directory: Path, given: str) -> Survey:
    faults, pid = Faults(), holder(directory)
    rows = read_rows(directory, faults)
    statistics = _read(directory / STATISTICS)
    extents = list(_extents(directory / JOURNAL))
    if pid is None:
        pid = holder(directory)  # somebody may have begun to go on with the run
    last, run = last_lines(extents)
    return Survey(directory, pid, rows, statistics, extents, last, run or given or rows.run, faults)


def _extents(journal: Path) -> Iterator[Extent]:
    """Measure the segments; one of a live run may be gone again, there was no room for its facts.

    What was to stand in it is written to another.
    """
    for path in segments(journal):
        with suppress(FileNotFoundError):
            yield Extent(path, path.stat().st_size)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
