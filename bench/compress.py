"""What each strategy makes of real trajectories, and how fast it plans.

For every strategy and budget, over the rows that are above the budget: how many meet it (of all,
and of those whose head and last step alone do), by what factor the others miss it, what share of
assistant turns is kept, how many of the facts that kept turns use still stand before them (by two
extractors), how many error lines are still there. What must be none is *broken*: new orphans, new
neighbours of one role, failures that are no longer marked, rows that a second pass changes, rows
that read otherwise once they are written, rows that got longer. The default is to bring 99 of 100
rows to 15,250 tokens, and to any budget all rows whose head and last step fit. Each number of each
strategy is among the checks.

Speed is tokens a CPU second of all rows, counted and planned by one process that has seen none of
them. The clock starts when the vocabulary is loaded, which is not before its first word: a tenth of
a second.

The rows are JSON lines in ``*.jsonl.gz``; where the folder is not there, that is said and it ends.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.answer import Answer, Figure, arguments, at_least, at_most, parsed, tell
from compressor import quality, rows, strategies, tokens
from compressor.apply import apply
from compressor.boundaries import least_of
from compressor.pipeline.options import Options
from compressor.pipeline.planning import SPLIT, planner_of, setup_of
from compressor.pipeline.row import compress
from compressor.plan import Budget, Counter, Plan, Strategy
from compressor.summarize.facts import words
from compressor.trajectory import Trajectory, as_written

_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "trajectories"
_BUDGETS = (15_250, 4_000)
_QUICK_ROWS = 5

DEFAULT = "ladder"
HIT_RATES = {15_250: 0.99}
"""What part of the rows the default is to bring to a budget, where that is set."""

NONE_OF = ("new_orphans", "new_doubled", "failures_lost", "unsettled", "misread", "longer")
SHARES = {
    "kept": "assistant turns kept",
    "grounding": "facts that still stand",
    "held_out_grounding": "held-out facts that still stand",
    "error_recall": "error lines that still stand",
}
_WORD = "unheardofness"
"""A word that no vocabulary knows: to cut it in parts, one loads the table of its parts."""

Row = dict[str, Any]
Numbers = dict[str, float]


def read(folder: Path) -> Iterator[Row]:
    """Give the rows of every file in *folder*, file by file."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            for line in file:
                yield json.loads(line)


def planned(
    strategy: Strategy, trajectories: Sequence[Trajectory], budget: Budget, repeats: int
) -> tuple[list[Plan], list[float]]:
    """Plan all of *trajectories*, and tell how many tokens a CPU second that were each time."""
    plans: list[Plan] = []
    speeds: list[float] = []
    for _ in range(repeats):
        counter = tokens.Cached(tokens.load())
        counter.count(_WORD)
        words.cache_clear()
        begun = time.process_time()
        plans = [strategy(trajectory, budget, counter) for trajectory in trajectories]
        spent = time.process_time() - begun
        speeds.append(sum(plan.before for plan in plans) / spent)
    return plans, speeds


def measured(
    strategy: Strategy, given: Sequence[Row], budget: Budget, repeats: int
) -> tuple[Numbers, list[float]]:
    """Measure one strategy at one budget; gives what it made, and its speeds."""
    trajectories = [rows.reader_of(row).read(row) for row in given]
    plans, speeds = planned(strategy, trajectories, budget, repeats)
    counter = tokens.Cached(tokens.load())
    found: list[quality.Quality] = []
    unsettled = misread = 0
    for row, before, plan in zip(given, trajectories, plans, strict=True):
        form, after = rows.reader_of(row), apply(before, plan)
        written = form.read(form.apply(row, plan))
        again = strategy(written, budget, counter)
        unsettled += bool(again.edits or again.cuts)
        misread += written != after or total(written, budget, counter) != plan.after
        found.append(quality.measure(before, after, plan))
    figures = msgspec.to_builtins(quality.fold(found, budget.tokens, unsettled))
    return {
        **figures,
        "fitting": sum(fits(one, budget, counter) for one in trajectories),
        "missed_but_fitting": sum(
            plan.after > budget.tokens and fits(one, budget, counter)
            for one, plan in zip(trajectories, plans, strict=True)
        ),
        "misread": misread,
        "longer": sum(plan.after > plan.before for plan in plans),
    }, speeds


def total(trajectory: Trajectory, budget: Budget, counter: Counter) -> int:
    """Count all of *trajectory*."""
    pieces = (piece for turn in trajectory.turns for piece in turn.pieces)
    texts = sum(counter.count(as_written(piece)) for piece in pieces)
    return texts + budget.turn_tokens * len(trajectory.turns)


def fits(trajectory: Trajectory, budget: Budget, counter: Counter) -> bool:
    """Say whether what is always kept fits, of a trajectory that does not fit itself."""
    least = tuple(trajectory.turns[at] for at in sorted(least_of(trajectory)))
    over = total(trajectory, budget, counter) > budget.tokens
    return over and total(Trajectory(least), budget, counter) <= budget.tokens


def pieces(given: Sequence[Row], budget: Budget) -> dict[str, int]:
    """How many rows `compress --strategy split` splits, into how many, and how many are over."""
    planner = planner_of(setup_of(Options(target_tokens=budget.tokens, strategy=SPLIT)))
    done = [compress(json.dumps(row).encode(), at, planner) for at, row in enumerate(given, 1)]
    sizes = [one.outcome.pieces for one in done if one.outcome and one.outcome.pieces]
    return {
        "rows": len(sizes),
        "pieces": sum(map(len, sizes)),
        "over": sum(size > budget.tokens for row in sizes for size in row),
    }


def figures(name: str, budget: int, numbers: Numbers, speeds: Sequence[float]) -> list[Figure]:
    """Lay what a strategy made beside what is asked of it, more closely if it is the default."""
    told = f"{name} to {budget:,}"
    rate, least = [numbers["hit_rate"]], HIT_RATES.get(budget) if name == DEFAULT else None
    fit = f"{told}, rows that fit"
    found = [
        at_most(fit, "", rate) if least is None else at_least(fit, "", rate, least),
        at_most(f"{told}, speed", "Mtokens/CPU s", [speed / 1e6 for speed in speeds]),
    ]
    if name != DEFAULT:
        return found
    missed = at_most(f"{told}, fitting rows that miss it", "", [numbers["missed_but_fitting"]], 0.0)
    shares = (at_most(f"{told}, {said}", "", [numbers[each]]) for each, said in SHARES.items())
    return [*found, missed, *shares]


def answer(asked: argparse.Namespace) -> Answer:
    """Measure every strategy at every budget."""
    given = list(read(asked.rows))
    inputs = {"rows": len(given), "budgets": asked.budgets, "strategies": asked.strategies}
    if not given:
        reason = "there are no rows in the folder"
        return Answer("compress", asked.repeats, inputs, (), skipped=reason)
    if asked.quick:
        given = sorted(given, key=lambda row: len(str(row)))[-_QUICK_ROWS:]
        asked.budgets = asked.budgets[:1]
    found: list[Figure] = []
    checks: dict[str, dict[str, Mapping[str, float]]] = {}
    for tokens_most in asked.budgets:
        budget = Budget(tokens_most)
        these = checks[f"{tokens_most}"] = {}
        for name in asked.strategies:
            numbers, speeds = measured(strategies.load(name), given, budget, asked.repeats)
            found += figures(name, tokens_most, numbers, speeds)
            these[name] = numbers
        broken = sum(numbers[each] for numbers in these.values() for each in NONE_OF)
        found.append(at_most(f"all to {tokens_most:,}, broken", "", [broken], 0.0))
        these["split"] = pieces(given, budget)
    return Answer("compress", asked.repeats, inputs, tuple(found), checks=checks)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--rows", type=Path, default=_ROWS, help="a folder of *.jsonl.gz")
    parser.add_argument("--budgets", type=int, nargs="+", default=_BUDGETS)
    parser.add_argument("--strategies", nargs="+", default=strategies.NAMES)
    tell(answer(parsed(parser)))


if __name__ == "__main__":
    main()
