"""Looking into JSON of unknown shape."""

from __future__ import annotations

import pytest

from recorder.shapes import array_of, object_of, text_in


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": 1}, ({"a": 1}, [], "")),
        ([1], ({}, [1], "")),
        ("text", ({}, [], "text")),
        (None, ({}, [], "")),
        (1.5, ({}, [], "")),
    ],
)
def test_a_value_of_another_shape_counts_as_an_empty_one(value, found):
    """Each function gives the value itself for its own shape and something empty for the rest."""
    assert (object_of(value), array_of(value), text_in(value)) == found
