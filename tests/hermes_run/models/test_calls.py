"""Calls are told apart, whatever their pieces say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_run.models.calls import Drafts


def piece(index: Any, call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Make a piece of a call."""
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def calls_of(*pieces: Any) -> list[tuple[str, str, str]]:
    """Give the calls that *pieces* make."""
    drafts = Drafts()
    for one in pieces:
        drafts.add(one)
    return [(call.id, call.name, call.arguments) for call in drafts.calls()]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [piece(0, "a", "f", ""), piece(0, None, None, '{"x"'), piece(0, None, None, ": 1}")],
            [("a", "f", '{"x": 1}')],
            id="in pieces",
        ),
        pytest.param(
            [piece(0, "a", "f", '{"x'), piece(1, "b", "g", "{"), piece(0, None, None, '": 1}')],
            [("a", "f", '{"x": 1}'), ("b", "g", "{")],
            id="pieces of two calls by turns",
        ),
        pytest.param(
            [piece(0, "a", "f", '{"x'), piece(0, "b", "g", "{"), piece(0, "a", None, '": 1}')],
            [("a", "f", '{"x": 1}'), ("b", "g", "{")],
            id="by turns, told apart by id alone",
        ),
        pytest.param(
            [piece(0, None, "f", "{}"), piece(1, "", "g", "{}")],
            [("call_0", "f", "{}"), ("call_1", "g", "{}")],
            id="no ids",
        ),
        pytest.param(
            [piece(0, "call_1", "f", "{}"), piece(1, None, "g", "{}"), piece(2, None, "h", "{}")],
            [("call_1", "f", "{}"), ("call_0", "g", "{}"), ("call_2", "h", "{}")],
            id="an id of our own making is taken",
        ),
        pytest.param(
            [piece(0, "a", "f", "{}"), piece(1, "a", "g", "{}"), piece(2, "a", "g", "{}")],
            [("a", "f", "{}"), ("call_0", "g", "{}"), ("call_1", "g", "{}")],
            id="one id for all",
        ),
        pytest.param(
            [piece(0, "a", "f", "{}"), piece(0, "b", "g", "{}")],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="one index for all",
        ),
        pytest.param(
            [piece(0, "", "f", '{"x":1}'), piece(0, "", "f", '{"x":2}')],
            [("call_0", "f", '{"x":1}'), ("call_1", "f", '{"x":2}')],
            id="one index, no ids, one name",
        ),
        pytest.param(
            [piece(0, "a", "f", "{}"), piece(0, "a", "g", "{}"), piece(0, "a", "g", "{}")],
            [("a", "f", "{}"), ("call_0", "g", "{}"), ("call_1", "g", "{}")],
            id="one index and one id for all",
        ),
        pytest.param(
            [piece(None, "a", "f", "{"), piece(None, None, None, "}"), piece(None, "b", "g", "{}")],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="no indexes",
        ),
        pytest.param(
            [piece(None, None, "f", "{}"), piece(None, None, "g", "{}")],
            [("call_0", "f", "{}"), ("call_1", "g", "{}")],
            id="no indexes and no ids",
        ),
        pytest.param(
            [piece(0, "a", "get_", ""), piece(0, None, "weather", ""), piece(0, None, None, "{}")],
            [("a", "get_weather", "{}")],
            id="the name in pieces",
        ),
        pytest.param(
            [piece(0, "a", "f", ""), piece(0, "a", "f", '{"x"'), piece(0, "a", "f", ": 1}")],
            [("a", "f", '{"x": 1}')],
            id="id and name in every piece",
        ),
        pytest.param(
            [piece(0, None, "f", ""), piece(0, "late", None, "{}"), piece(0, "late", None, " ")],
            [("late", "f", "{} ")],
            id="the id comes later",
        ),
        pytest.param(
            [piece(0, "a", "f", {"x": [1]}), piece(1, "b", "g", None)],
            [("a", "f", '{"x":[1]}'), ("b", "g", "")],
            id="arguments that are no string",
        ),
        pytest.param(
            [piece("0", 7, None, "{}"), "nonsense", {"function": "nonsense"}],
            [("call_0", "", "{}")],
            id="nothing is of the right type",
        ),
        pytest.param(
            [piece(0, "a", "f", '{"x": '), piece(0, None, None, "")],
            [("a", "f", '{"x": ')],
            id="cut off",
        ),
    ],
)
def test_calls_are_told_apart(pieces, calls):
    """By index, by id, by name, and by arguments that begin anew; ids are unique in the end."""
    assert calls_of(*pieces) == calls


def test_a_hundred_thousand_calls_take_no_more_than_their_share():
    """Looking for the call of a piece, and for a free id, takes no walk through the others."""
    drafts = Drafts()
    for number in range(100_000):
        drafts.add(piece(number, f"call_{number}" if number % 2 else "", "f", "{}"))
    calls = drafts.calls()
    assert len(drafts) == len({call.id for call in calls}) == 100_000
