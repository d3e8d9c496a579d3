"""Formats by name."""

from __future__ import annotations

import pytest

from recorder.errors import FormatError
from recorder.formats import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_every_format_there_is_can_be_loaded(name):
    """It renders what it reads."""
    found = load(name)
    assert found.name == name
    session = load("messages").parse({"id": "x", "prompt": "q"})
    assert found.parse({"id": "x", **found.render(session)}).turns == session.turns


def test_an_unknown_format_is_answered_with_the_known_ones():
    """A near miss gets a suggestion, a wild guess only the list."""
    with pytest.raises(FormatError, match=r"'hermse'\. Did you mean 'hermes'\? Formats: hermes, "):
        load("hermse")
    with pytest.raises(FormatError, match=r"'xyzzy'\. Formats: hermes, messages"):
        load("xyzzy")
