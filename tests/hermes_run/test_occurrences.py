"""Every row has a key of its own, whatever its id is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermes_run.job import Job
from hermes_run.occurrences import Occurrences
from hermes_run.prompts import Prompt
from hermes_run.tools.toolbox import make_toolbox

IDS = st.one_of(
    st.sampled_from(["x", "x#2", "x#2#2", "x#3", "x-0", "x-1", "x#2-0", "x-0#2", "#2", ""]),
    st.text("x#-012", max_size=6),
    st.text(max_size=3),
)


def keys_of(ids: list[str]) -> list[str]:
    """Give the keys of rows with such ids."""
    seen = Occurrences()
    return [seen.tell_apart(name) for name in ids]


def session_of(key: str, sample: int) -> str:
    """Name a session as a run does."""
    prompt = Prompt(key=key, index=0, line=1, messages=())
    return Job(prompt, sample, make_toolbox(()), ()).session_id


def test_equal_ids_are_numbered():
    """The first keeps its id."""
    assert keys_of(["x", "y", "x", "x", "y"]) == ["x", "y", "x#2", "x#3", "y#2"]


def test_an_id_that_looks_like_a_number_of_another_is_passed_over():
    """Whichever of the two comes first."""
    assert keys_of(["x", "x", "x#2"]) == ["x", "x#2", "x#2#2"]
    assert keys_of(["x", "x#2", "x", "x"]) == ["x", "x#2", "x#3", "x#4"]
    assert keys_of(["x#2", "x", "x", "x#2", "x"]) == ["x#2", "x", "x#3", "x#2#2", "x#4"]


@given(st.lists(IDS, max_size=60))
def test_no_two_rows_get_one_key(ids: list[str]):
    """Nor two sessions one id, however many samples a row has."""
    keys = keys_of(ids)
    assert len(set(keys)) == len(ids)
    sessions = [session_of(key, sample) for key in keys for sample in (0, 1, 2, 10)]
    assert len(set(sessions)) == len(sessions)


@given(st.data(), st.lists(st.text("xyz", max_size=2), max_size=30))
def test_rows_in_another_order_have_the_same_keys(data: st.DataObject, ids: list[str]):
    """So a run goes on with the sessions it had."""
    mixed = data.draw(st.permutations(ids))
    assert sorted(keys_of(mixed)) == sorted(keys_of(ids))


@given(st.sets(IDS, max_size=30))
def test_ids_that_differ_are_keys_as_they_are(ids: set[str]):
    """Whatever they look like, and in any order."""
    assert keys_of(list(ids)) == list(ids)


def test_many_equal_rows_are_numbered_as_fast_as_others():
    """A number that was given is not looked for again."""
    keys = keys_of(["x"] * 5000)
    assert keys[-1] == "x#5000"
    assert len(set(keys)) == 5000
