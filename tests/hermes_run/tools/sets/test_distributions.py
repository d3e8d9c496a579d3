"""Distributions: what is drawn for a prompt, how often, and always the same."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools.distributions import DISTRIBUTIONS, Distribution, draw
from hermes_run.tools.toolsets import TOOLSETS

KEYS = 20_000
NAMES = [
    *("default", "image_gen", "research", "science", "development", "safe", "balanced", "minimal"),
    *("terminal_only", "terminal_web", "creative", "reasoning", "browser_use", "browser_only"),
    *("browser_tasks", "terminal_tasks", "mixed_tasks"),
]
CHANCES = {"a": 90.0, "b": 50.0, "c": 7.0, "d": 100.0, "e": 0.0, "f": 33.3}

made = st.dictionaries(st.text(min_size=1, max_size=5), st.floats(0, 100), min_size=1).map(
    lambda chances: Distribution("", chances)
)


@pytest.fixture(scope="module")
def drawn() -> list[frozenset[str]]:
    """Draw for many prompts."""
    distribution = Distribution("", CHANCES)
    return [frozenset(draw(distribution, 7, f"key-{n}").toolsets) for n in range(KEYS)]


def test_each_toolset_is_drawn_as_often_as_its_percentage_says(drawn):
    """Within one percentage point in 20,000 prompts, which is five standard deviations at most."""
    for name, percent in CHANCES.items():
        share = 100 * sum(name in each for each in drawn) / KEYS
        assert share == pytest.approx(percent, abs=1.8)
    assert all("d" in each and "e" not in each for each in drawn)


def test_toolsets_are_drawn_independently(drawn):
    """Two together come as often as the product of their chances says."""
    for one, other in combinations(CHANCES, 2):
        both = sum(one in each and other in each for each in drawn) / KEYS
        assert both == pytest.approx(CHANCES[one] * CHANCES[other] / 10_000, abs=0.018)


def test_another_seed_draws_something_else():
    """As independent of the first as another prompt is."""
    distribution = DISTRIBUTIONS["balanced"]
    pairs = [(draw(distribution, 1, f"{n}"), draw(distribution, 2, f"{n}")) for n in range(400)]
    assert len({one.seed for pair in pairs for one in pair}) == 800
    same = sum("web" in one.toolsets and "web" in other.toolsets for one, other in pairs)
    assert 60 < same < 140


@given(made, st.integers(), st.text())
def test_the_same_prompt_of_the_same_seed_always_gets_the_same(distribution, seed, key):
    """In another order of definition it gets the same, too, unless there was nothing."""
    first = draw(distribution, seed, key)
    assert draw(distribution, seed, key) == first
    turned = Distribution("", dict(reversed(distribution.toolsets.items())))
    again = draw(turned, seed, key)
    assert again.seed == first.seed
    if len(first.toolsets) > 1:
        assert set(again.toolsets) == set(first.toolsets)


@given(made, st.integers(), st.text(st.characters(codec=None)))
def test_a_prompt_never_gets_nothing(distribution, seed, key):
    """Some toolsets of the distribution, in the order of their definition, each once."""
    toolsets = draw(distribution, seed, key).toolsets
    assert toolsets
    assert list(toolsets) == [name for name in distribution.toolsets if name in toolsets]


@pytest.mark.parametrize(
    ("chances", "name"), [({"a": 0.0, "b": 1e-9}, "b"), ({"x": 1e-9, "b": 1e-9}, "x")]
)
def test_when_nothing_is_drawn_the_most_probable_toolset_is_used(chances, name):
    """Of equally probable ones the first in the order of definition."""
    assert draw(Distribution("", chances), 0, "key").toolsets == (name,)


def test_a_draw_is_what_it_has_always_been():
    """A later version that draws otherwise would give the rows of a resumed run other tools."""
    assert draw(DISTRIBUTIONS["balanced"], 0, "one").toolsets == ("web", "vision")
    assert draw(DISTRIBUTIONS["balanced"], 0, "one").seed == "b5b4d9432ba6dda3"


def test_the_seventeen_known_names_are_there():
    """Each draws toolsets that have a name here, whether or not something backs them."""
    assert list(DISTRIBUTIONS) == NAMES
    for distribution in DISTRIBUTIONS.values():
        assert distribution.description
        assert set(distribution.toolsets) <= set(TOOLSETS)
        assert all(0 < percent <= 100 for percent in distribution.toolsets.values())
        assert distribution.drawable == tuple(distribution.toolsets)


def test_what_has_no_chance_can_not_be_drawn():
    """So nothing needs to back it."""
    assert Distribution("", CHANCES).drawable == ("a", "b", "c", "d", "f")
