"""What a worker that died leaves: sessions that go on, and facts that nobody has counted yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from recorder.archive import Archive
from recorder.events import Event
from recorder.run_directory import JOURNAL
from recorder.session import Session


class Left(msgspec.Struct, frozen=True):
    """A session as the journal has it, and those of its facts that were not heard of before."""

    session: Session
    news: tuple[Event, ...]


def look_back(directory: Path, heard: Mapping[str, int]) -> dict[str, Left]:
    """Read what the journal has of some sessions, where it has anything of them; this blocks.

    Args:
        directory: the run directory.
        heard: how many facts of each session were heard of, by its id.

    Raises:
        CorruptJournalError: a line does not check, or contradicts an earlier one.
        RunDirectoryError: the journal can't be read.
    """
    archive = Archive(directory / JOURNAL, heard)
    found: dict[str, Left] = {}
    for name, count in heard.items():
        if there := archive.fold_after(name, count):
            found[name] = Left(*there)
    return found
