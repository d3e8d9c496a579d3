"""Scales have round numbers along them, and what is drawn is on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.axes import fitting, linear, logarithmic, short

REAL = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).filter(
    lambda value: not value or abs(value) > 1e-9
)
POSITIVE = st.floats(min_value=1e-9, max_value=1e12)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 700, [0, 200, 400, 600, 800]),
        (-3, 7, [-4, -2, 0, 2, 4, 6, 8]),
        (0, 0, [0, 0.2]),
    ],
)
def test_an_even_scale_has_steps_of_one_two_or_five(low, high, ticks):
    """A reader can tell what lies between two ticks."""
    assert list(linear(low, high, 0, 100).ticks) == ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1, 10, [1, 2, 5, 10]),
        (7, 200, [5, 10, 20, 50, 100, 200]),
        (1, 2_000, [1, 10, 100, 1_000]),
        (1, 1, [1, 2]),
    ],
)
def test_a_scale_of_factors_names_powers_of_ten_and_what_there_is_room_for(low, high, ticks):
    """A curve over concurrency from 1 to 2,000 does not end in the middle of the paper."""
    assert list(logarithmic(low, high, 0, 100).ticks) == ticks


@given(st.lists(REAL, min_size=1, max_size=5))
def test_every_value_is_on_the_scale_in_its_order(values):
    """The least is never drawn above the greatest, and none beside the paper."""
    axis = fitting(values, 50.0, 600.0)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(50.0 <= place <= 600.0 for place in places)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    nearly = (axis.high - axis.low) * 1e-6
    assert axis.low - nearly <= min(values) <= max(values) <= axis.high + nearly


@given(st.lists(POSITIVE, min_size=1, max_size=5))
def test_values_far_apart_are_drawn_by_their_factors(values):
    """What differs by a factor of twenty can't be seen on an even scale."""
    assert fitting(values, 0.0, 1.0).is_log == (max(values) / min(values) >= 20)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.05, "0.05"), (250, "250"), (1_500, "1.5k"), (2e6, "2M"), (3e9, "3G"), (-2_000, "-2k")],
)
def test_ticks_are_short(value, said):
    """A million takes two signs."""
    assert short(value) == said
