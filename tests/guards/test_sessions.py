"""What one more session of a run costs does not depend on how many it has had."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from tests.guards import running
from tests.guards.counting import Work, count, grown

TURNS = 3
FACTS = 3 * (TURNS - 1) + 3
SIZES = (10, 30, 90)
CONCURRENCY = 16


@pytest.fixture
def warm(tmp_path: Path) -> None:
    """Run once what is loaded once, so that it is not counted."""
    running.run(tmp_path / "first", running.Working(2), CONCURRENCY, concurrency=CONCURRENCY)


@pytest.mark.usefixtures("warm")
def test_a_session_costs_the_same_after_few_and_after_many(tmp_path: Path):
    """Nothing goes through the sessions before, in memory or on disk; each fact is hashed once."""
    works: dict[int, Work] = {}
    for sessions in SIZES:
        model, directory = running.Working(TURNS), tmp_path / str(sessions)
        work = partial(running.run, directory, model, sessions, concurrency=CONCURRENCY)
        works[sessions] = count(work)
        assert works[sessions].calls["crc32"] == FACTS * sessions + 1
    assert grown(works) == {}


def test_nothing_stays_of_a_session_that_is_over(tmp_path: Path):
    """Later in a run there is less than one object more for each session that came meanwhile."""
    early, late = 300, 450
    model = running.Looking(2, (early, late))
    tracemalloc.start()
    try:
        report = running.run(tmp_path / "run", model, late + 1, concurrency=1)
    finally:
        tracemalloc.stop()
    assert report.statistics.outcomes == {"completed": late // 2 + 1, "model_error": late // 2}
    before, after = model.objects
    assert after - before < late - early


def test_there_are_as_many_tasks_late_in_a_run_as_early(tmp_path: Path):
    """What a session begins is over when it is."""
    model = running.Looking(TURNS)
    running.run(tmp_path / "run", model, 200, concurrency=CONCURRENCY)
    assert max(model.tasks) < 3 * CONCURRENCY  # workers, one call each, and what serves them all
