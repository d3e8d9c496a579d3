"""What one more call of a reply costs does not depend on how many there are."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from hermes_run.models.protocol import Reply
from recorder.messages import ToolCall
from tests.guards import running
from tests.guards.counting import Work, count, grown


class Hasty(running.Working):
    """Asks for many calls in its first reply.

    Args:
        count: how many.
        calls: the tool.
    """

    def __init__(self, count: int, calls: str) -> None:
        super().__init__(2, calls)
        self._count = count

    def turn(self, number: int) -> Reply:
        """Give the first reply."""
        calls = (
            ToolCall(f"c{number}_{at}", self._calls, '{"word":"x"}') for at in range(self._count)
        )
        return Reply(calls=tuple(calls), finish_reason="tool_calls", usage=running.USAGE)


KINDS = {
    "run at once": ("look_up", {"max_calls": None}),
    "change a workspace of which there is a copy": ("write_down", {"max_calls": None}),
    "change a workspace of which there is none": (
        "write_down",
        {"max_calls": None, "workspace_on_crash": "keep"},
    ),
    "are too many": ("look_up", {"max_calls": 5}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_costs_the_same_among_few_and_among_many(tmp_path: Path, kind: str):
    """Calls are matched with their results at once, not one by one."""
    tool, options = KINDS[kind]
    works: dict[int, Work] = {}
    for size in (2, 10, 40, 160):
        model = Hasty(size, tool)
        directory = tmp_path / str(size)
        works[size] = count(partial(running.run, directory, model, **options))
    del works[2]
    assert grown(works) == {}


def test_a_call_takes_the_same_room_among_few_and_among_many(tmp_path: Path):
    """What was recorded of the calls before is not kept once more for each."""
    peaks: list[int] = []
    for size in (10, 500, 2000):
        tracemalloc.start()
        running.run(tmp_path / str(size), Hasty(size, "look_up"), max_calls=5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, more, most = peaks
    assert most - few < 6 * (more - few)
