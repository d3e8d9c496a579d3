"""What the ladder makes of real trajectories, without a model and without looking ahead."""

from __future__ import annotations

import gzip
import json

import pytest

from compressor import quality, rows, strategies, tokens
from compressor.apply import apply
from compressor.boundaries import least_of
from compressor.plan import Budget
from compressor.strategies.split import split
from compressor.trajectory import Trajectory
from recorder import formats


@pytest.fixture(scope="module")
def counter():
    """Count as the default does."""
    return tokens.Cached(tokens.load())


@pytest.fixture(scope="module")
def given(shared_data):
    """All real trajectories, read."""
    paths = sorted((shared_data / "trajectories").glob("*.jsonl.gz"))
    lines = [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [json.loads(line) for line in lines]


def total(trajectory, counter):
    """Count *trajectory*."""
    texts = [piece.text for turn in trajectory.turns for piece in turn.pieces]
    return sum(map(counter.count, texts)) + 4 * len(trajectory.turns)


def planned(given, budget, counter):
    """Each row with what it is before, its plan, and what it is when it is written and read."""
    plan = strategies.load("ladder")
    for row in given:
        form = rows.reader_of(row)
        before = form.read(row)
        made = plan(before, budget, counter)
        yield before, made, form.read(form.apply(row, made))


@pytest.mark.parametrize("tokens_most", [15_250, 4_000])
def test_every_row_keeps_every_promise(given, counter, tokens_most):
    """Written rows have the tokens that were planned, and a second pass changes none of them."""
    budget = Budget(tokens_most)
    for before, plan, after in planned(given, budget, counter):
        assert after == apply(before, plan)
        assert total(after, counter) == plan.after <= plan.before == total(before, counter)
        again = strategies.load("ladder")(after, budget, counter)
        assert (again.edits, again.cuts) == ((), ())
        one = quality.measure(before, after, plan)
        assert one.orphans[1] <= one.orphans[0]
        assert one.doubled[1] <= one.doubled[0]
        assert one.failed[0] == one.failed[1]


@pytest.mark.parametrize("tokens_most", [15_250, 4_000])
def test_every_row_meets_the_budget_that_its_ends_leave_room_in(given, counter, tokens_most):
    """Only rows whose head and last step alone are over it miss it."""
    for before, plan, _ in planned(given, Budget(tokens_most), counter):
        least = Trajectory(tuple(before.turns[at] for at in sorted(least_of(before))))
        if plan.after > tokens_most:
            assert total(least, counter) > tokens_most


def test_most_of_what_happened_is_kept_and_grounded(given, counter):
    """At 15,250 tokens all rows fit, and nearly two thirds of assistant turns stay."""
    found = [
        quality.measure(before, after, plan)
        for before, plan, after in planned(given, Budget(15_250), counter)
    ]
    figures = quality.fold(found, 15_250)
    assert figures.hit_rate == 1.0
    assert figures.kept >= 0.63
    assert figures.held_out_grounding >= 0.85


def test_nothing_is_lost_in_pieces(given, counter):
    """Every turn of a trajectory is in a piece of it."""
    for row in given:
        trajectory = rows.reader_of(row).read(row)
        plans = split(trajectory, Budget(4_000), counter)
        there = {turn for plan in plans for turn in apply(trajectory, plan).turns}
        assert there == set(trajectory.turns)


def test_rows_with_markup_fit_as_they_are_written(given, counter):
    """What a trainer reads of a hermes row is within the budget: escapes and markup are counted."""
    budget, form = Budget(15_250), rows.load("hermes")
    read, render = formats.load("messages").parse, formats.load("hermes").render
    for row in given:
        written = render(read({"id": row["id"], "messages": row["messages"]}))
        plan = strategies.load("ladder")(form.read(written), budget, counter)
        left = form.apply(written, plan)
        formats.load("hermes").parse(left)
        values = [turn["value"] for turn in left["conversations"]]
        assert sum(map(counter.count, values)) + 4 * len(values) <= plan.after <= budget.tokens
