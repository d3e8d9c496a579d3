"""The figures that plans are judged by."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

from compressor import quality
from compressor.apply import apply
from compressor.plan import Cut, Edit, Plan
from compressor.quality.grounding import ground
from compressor.quality.held_out import parts
from compressor.quality.measuring import kept_turns
from compressor.trajectory import Piece, Trajectory, Turn

ASKED = Turn("user", (Piece("Fix src/app.py."),))
CALL = Turn("assistant", (Piece("I look.", "text"), Piece('{"name": "run"}', "call")))
FAILED = Turn("tool", (Piece("Error: port 1404 is taken by zebrafish", "result", failed=True),))
USES = Turn("assistant", (Piece("The zebrafish holds 1404 in src/app.py."),))
BEFORE = Trajectory((ASKED, CALL, FAILED, USES))


def edited(text: str) -> Plan:
    """Put *text* in the place of the result."""
    return Plan("mask", 100, 40, (Edit(2, 0, "mask", 20, 5, "", text),))


def measured(plan: Plan, before: Trajectory = BEFORE) -> quality.Quality:
    """Measure a plan."""
    return quality.measure(before, apply(before, plan), plan)


def test_what_stands_before_a_turn_that_uses_it_is_grounded():
    """A fact that a note still names counts, one that is gone does not."""
    assert measured(Plan("mask", 100, 100)).held_out.share == 1.0
    named = measured(edited("Error: gone, but 1404"))
    assert (named.held_out.used, named.held_out.standing) == (2, 1)
    assert (named.facts.used, named.facts.standing) == (2, 2)
    gone = measured(edited("Error: gone"))
    assert (gone.held_out.standing, gone.facts.standing) == (0, 1)


def test_nothing_used_is_all_grounded():
    """A share of nothing is all of it."""
    assert quality.Grounding().share == 1.0


def test_a_word_that_many_turns_have_is_no_fact():
    """What stands everywhere says nothing about what was lost."""
    turns = (ASKED, *[USES] * 5)
    before = Trajectory(turns)
    kept = tuple((at, at) for at in range(len(turns)))
    assert ground(before, before, kept, parts, 2).used == 2 * 3
    assert ground(before, before, kept, parts).used == 4 * 3


def test_failures_error_lines_and_turns_are_counted():
    """A failure that no longer reads as one is lost, and so is a line."""
    kept = measured(edited("Error: port 1404 is taken by zebrafish"))
    assert (kept.failed, kept.error_lines) == ((1, 1), (1, 1))
    lost = measured(edited("gone"))
    assert (lost.failed, lost.error_lines) == ((1, 0), (1, 0))
    assert lost.assistant_turns == (2, 2)
    assert lost.tokens == (100, 40)


def test_a_cut_through_a_step_is_seen():
    """A result without its call is an orphan; two user turns side by side are doubled."""
    torn = measured(Plan("window", 9, 1, (), (Cut(1, 1, "window", 1, 0, "", ""),)))
    assert (torn.orphans, torn.doubled) == ((0, 1), (0, 0))
    before = Trajectory((ASKED, USES, ASKED, USES))
    torn = measured(Plan("window", 9, 1, (), (Cut(1, 1, "window", 1, 0, "", ""),)), before)
    assert torn.doubled == (0, 1)


def test_a_result_whose_call_is_gone_is_an_orphan_wherever_it_stands():
    """It is known by the call's id, so another call before it does not hide that."""
    call = Turn("assistant", (Piece("{}", "call", call_id="a"),))
    other = Turn("assistant", (Piece("{}", "call", call_id="b"),))
    before = Trajectory((ASKED, call, other, Turn("tool", (Piece("ok", "result"),), "a")))
    torn = measured(Plan("window", 9, 1, (), (Cut(1, 1, "window", 1, 0, "", ""),)), before)
    assert torn.orphans == (0, 1)


def test_turns_are_followed_to_where_they_get():
    """A summary that becomes a turn moves what comes after it."""
    before = Trajectory((USES, USES, USES))
    plan = Plan("digest", 9, 1, (), (Cut(1, 1, "digest", 1, 1, "", "SUM"),))
    assert kept_turns(before, plan) == ((0, 0), (2, 2))


def test_rows_are_folded_over_those_that_were_over_the_budget():
    """A row that fitted before says nothing about a strategy."""
    hit, lost = measured(edited("Error: gone")), measured(edited("gone"))
    small = measured(Plan("mask", 30, 30))
    figures = quality.fold([hit, lost, small], 50, unsettled=2)
    assert (figures.rows, figures.hit_rate, figures.over_factor) == (2, 1.0, 1.0)
    assert (figures.kept, figures.error_recall, figures.failures_lost) == (1.0, 0.0, 1)
    assert (figures.grounding, figures.unsettled) == (0.5, 2)
    assert figures.held_out_grounding == 0.0
    missed = quality.fold([hit, lost], 20)
    assert (missed.hit_rate, missed.over_factor) == (0.0, 2.0)
    assert quality.fold([], 20) == quality.Figures()


def test_no_strategy_knows_the_extractor_that_is_held_out():
    """Nothing that plans imports anything that measures."""
    for package in ("compressor.strategies", "compressor.summarize", "compressor.rows"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        for path in Path(spec.submodule_search_locations[0]).glob("*.py"):
            tree = ast.walk(ast.parse(path.read_text("utf-8")))
            names = [node.module or "" for node in tree if isinstance(node, ast.ImportFrom)]
            assert not [name for name in names if name.startswith("compressor.quality")], path
