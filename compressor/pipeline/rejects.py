"""The list of rows that failed, beside an output: they stand in it as they came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from compressor.pipeline.standing import marks
from recorder.disk import Disk
from recorder.files import put


def rejects_of(target: Path) -> Path:
    """The file that lists the rows of *target* that failed; no glob for rows finds its name."""
    return target.with_name(f"{target.name}.rejects")


def write_rejects(progress: Path, target: Path, disk: Disk) -> None:
    """List the rows of *target* that failed, one JSON object a line; no file where none did.

    Raises:
        OSError: it can't be written.
    """
    path = rejects_of(target)
    found = _rejects(progress)
    first = next(found, None)
    if first is None:
        disk.remove(path)
        return
    put(path, _all(first, found), disk)


def _all(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _rejects(progress: Path) -> Iterator[bytes]:
    for mark in marks(progress):
        for reject in mark.rejects:
            yield msgspec.json.encode(reject) + b"\n"
