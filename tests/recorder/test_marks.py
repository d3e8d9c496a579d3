"""Names that came before are remembered in little memory."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from recorder.marks import Marks


@given(st.lists(st.text(max_size=3), max_size=200))
def test_marks_are_a_set_of_names(names: list[str]):
    """Each name is new once, and is found from then on."""
    marks, known = Marks(), set[str]()
    for name in names:
        assert (name in marks) == (name in known)
        assert marks.add(name) == (name not in known)
        known.add(name)
        assert name in marks


def test_marks_grow_without_forgetting():
    """Many more names than the first table holds are all remembered, lone surrogates included."""
    marks, names = Marks(), [f"\ud800{number}" for number in range(5000)]
    assert all(marks.add(name) for name in names)
    assert not any(marks.add(name) for name in names)
    assert all(name in marks for name in names)
    assert "other" not in marks


def test_a_name_takes_a_few_bytes():
    """However long it is."""
    tracemalloc.start()
    try:
        marks = Marks()
        for number in range(20_000):
            marks.add(f"{number}" * 50)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 20_000 * 32
