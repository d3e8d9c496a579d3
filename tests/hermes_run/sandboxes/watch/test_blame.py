"""Who goes where the machine has nothing left is whoever took it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermes_run.sandboxes.blame import LEAST, SHARE, Seen, blamed, size, step_of

GIB = 2**30
COUNTS = st.dictionaries(st.text(max_size=3), st.integers(0, 2**36), max_size=5)


def test_who_grew_goes_before_who_is_large():
    """A large session that takes nothing more did not bring the machine to its end."""
    before = Seen(3 * GIB, {"large": 4 * GIB, "new": 0})
    assert blamed({"large": 4 * GIB, "new": 2 * GIB}, GIB, before, 8 * GIB) == "new"


def test_the_largest_goes_where_nobody_grew():
    """They all grew by little, and one of them is what there was to take."""
    before = Seen(GIB, {"large": 4 * GIB, "small": GIB})
    assert blamed({"large": 4 * GIB, "small": GIB}, 0, before, 8 * GIB) == "large"


def test_nobody_goes_for_what_somebody_else_took():
    """A machine that others fill has nothing to gain from small sessions."""
    assert blamed({"small": GIB}, 0, Seen(8 * GIB), 8 * GIB) is None
    assert blamed({"tiny": LEAST}, 0, Seen(0), 0) is None
    assert blamed({}, 0, Seen(8 * GIB), 8 * GIB) is None


@given(found=COUNTS, had=COUNTS, left=st.integers(0, 2**36), missing=st.integers(0, 2**36))
def test_who_is_blamed_has_a_good_part_of_what_is_missing(found, had, left, missing):
    """Nobody goes for less than a quarter of it, or for next to nothing."""
    one = blamed(found, left, Seen(left + missing, had), left + missing)
    if one is not None:
        assert found[one] > LEAST
        assert found[one] * SHARE >= missing


def test_a_part_of_an_allowance_is_worth_a_look():
    """Not less than what everything takes now and then."""
    assert step_of(4 * GIB) == GIB // 4
    assert step_of(1) == LEAST


def test_a_size_is_written_as_people_do():
    """Three digits of the unit that fits."""
    assert [size(64 * 2**20), size(3 * GIB // 2)] == ["64 MiB", "1.5 GiB"]
