"""What one more fact costs a reader does not depend on how many there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from recorder.archive import Archive
from recorder.events import Event
from recorder.export.places import Places
from recorder.following import Follower
from recorder.formats import row
from recorder.reader import fold_journal, read
from recorder.session import Session, apply, fold
from recorder.standing import Standings, stand
from recorder.statistics import StatisticsFold
from recorder.verifying import inspect, survey
from tests.guards import writing
from tests.guards.counting import Work, count, grown, largest

SIZES = (10, 30, 90)
SHAPES: dict[str, Callable[[int], list[Event]]] = {
    "sessions one after the other": lambda n: list(writing.one_after_the_other(n, 2)),
    "sessions side by side": lambda n: list(writing.side_by_side(n, 2)),
    "turns of one session": lambda n: list(writing.session("s0", n)),
}
HEADING = 2


def all_of_archive(journal: Path) -> None:
    """Take every session out of a journal."""
    archive = Archive(journal, standings(journal).sessions)
    for name in standings(journal).sessions:
        archive.fold(name)


def standings(journal: Path) -> Standings:
    """See where every session stands, and what the run came to."""
    found = stand(journal)
    found.statistics.value()  # what was not counted yet is counted now
    return found


def export(journal: Path) -> None:
    """Take every session out of a journal, in the order in which they are exported."""
    places = Places(journal)
    for name in places.names():
        places.fold(name)


def follow(journal: Path) -> None:
    """Read a journal as one that may grow."""
    follower = Follower(journal)
    deque(follower.news(), 0)
    assert not list(follower.news())


def verify(journal: Path) -> None:
    """Check everything there is."""
    assert inspect(survey(journal.parent)).counts.damaged == 0


def render(journal: Path) -> None:
    """Make a row of every session."""
    for session in fold_journal(journal).sessions.values():
        row.render(session, "r")


READERS: dict[str, tuple[Callable[[Path], object], int]] = {
    "to read": (lambda journal: deque(read(journal), 0), 1),
    "to see where sessions stand": (standings, 1),
    "to fold": (fold_journal, 1),
    "to take sessions out one by one": (all_of_archive, 3),
    "to export": (export, 2),
    "to follow": (follow, 1),
    "to verify": (verify, 1),
    "to make rows": (render, 1),
}
"""With how often each line is checked."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reader", READERS)
def test_a_fact_costs_a_reader_the_same_among_few_and_among_many(
    tmp_path: Path, reader: str, shape: str
):
    """No line is looked at again for those after it, and no session for the others."""
    work, looks = READERS[reader]
    works: dict[int, Work] = {}
    for size in (2, *SIZES):
        events = SHAPES[shape](size)
        journal = writing.write(tmp_path / str(size) / "journal", events)
        counted = count(partial(work, journal))
        assert counted.calls["crc32"] <= looks * (len(events) + HEADING) + 1
        works[size] = counted
    del works[2]  # loads what is loaded once
    assert grown(works) == {}


def test_statistics_count_a_fact_in_the_same_time_and_room():
    """What is known of sessions that are over is in sums; to look at it costs the same, too."""
    works: dict[int, Work] = {}
    looks: list[int] = []
    for size in (100, 300, 900):
        events, statistics = SHAPES["sessions one after the other"](size), StatisticsFold()
        works[size] = count(partial(deque, map(statistics.add, events), 0))
        assert statistics.value().outcomes == {"completed": size}
        looks.append(sum(count(partial(look, statistics)).lines.values()))
    assert grown(works) == {}
    assert len(set(looks)) == 1


def look(statistics: StatisticsFold) -> None:
    """See what a view shows again and again."""
    statistics.value()
    statistics.slowest(3)


@pytest.mark.parametrize("size", [100, 1000])
def test_a_session_that_is_folded_is_not_copied_at_every_fact(size: int):
    """Of all its turns only the last few are there when a fact is added to them."""
    events = list(writing.session("s0", size))

    def turns(frame: FrameType) -> int:
        session = frame.f_locals["session"]
        assert isinstance(session, Session)
        return len(session.turns)

    assert largest(turns, apply, partial(fold, events)) <= 64
