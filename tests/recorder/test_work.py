"""How much is done to see where a large run stands: counted, because time tells little."""

from __future__ import annotations

import cProfile
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

import recorder
from recorder import verifying
from recorder.mending import mend
from recorder.messages import ToolCall
from recorder.standing import stand

READ = "<method 'decode' of 'msgspec.json.Decoder' objects>"
CHECKED = "<built-in method zlib.crc32>"
FACTS = 5
HEADING = 2
"""Lines of a segment that are of no session: it was opened, and tools were declared."""


def calls(work: Callable[[], object]) -> Counter[str]:
    """Count the calls of each function that *work* makes."""
    profile = cProfile.Profile()
    profile.runcall(work)
    counted: Counter[str] = Counter()
    for entry in profile.getstats():
        name = entry.code if isinstance(entry.code, str) else entry.code.co_qualname
        counted[name] += entry.callcount
    return counted


@pytest.fixture
async def record(tmp_path: Path) -> Callable[[int], Awaitable[Path]]:
    """Record a run of so many sessions, each of five facts."""

    async def make(count: int) -> Path:
        directory = tmp_path / str(count)
        async with recorder.open(directory) as opened:
            for number in range(count):
                async with opened.session("Hi", [{"name": "f"}], id=f"s{number}") as session:
                    await session.model_replied(calls=[ToolCall("c", "f", "{}")])
                    await session.tool_returned("c", "done")
                    await session.model_replied(text="Hello")
        return directory

    return make


async def test_each_line_is_checked_and_read_once_to_see_where_sessions_stand(record):
    """No line is passed over, and none is looked at a second time."""
    directory = await record(20)
    counted = calls(lambda: stand(directory / "journal"))
    lines = 20 * FACTS + HEADING
    assert (counted[CHECKED], counted[READ]) == (lines, lines)


async def test_rows_that_are_right_cost_one_look_each(record):
    """Nothing of the journal is read again for them."""
    directory = await record(20)
    standings = stand(directory / "journal")
    counted = calls(lambda: mend(directory, standings))
    assert (counted[CHECKED], counted[READ]) == (0, 20)


async def test_each_line_is_checked_once_when_a_run_is_verified(record):
    """It is read twice: the first time for nothing but its session's name."""
    directory = await record(20)
    counted = calls(lambda: verifying.inspect(verifying.survey(directory)))
    lines, rows = 20 * FACTS + HEADING, 20
    assert counted[CHECKED] == lines + 1  # the run's id is looked for ahead
    assert counted[READ] <= 2 * lines + rows + 3


WORK: dict[str, Callable[[Path], object]] = {
    "to see where sessions stand": lambda run: stand(run / "journal"),
    "to mend rows": lambda run: mend(run, stand(run / "journal")),
    "to verify": lambda run: verifying.inspect(verifying.survey(run)),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
async def test_twice_the_sessions_are_twice_the_work(record, work):
    """Nothing is looked through for each session."""
    runs = [await record(count) for count in (15, 30, 45)]
    few, more, most = (calls(partial(work, run)).total() for run in runs)
    assert abs((most - more) - (more - few)) < (more - few) * 0.05
