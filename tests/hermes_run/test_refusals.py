"""Calls that are not run: too many at once, or in vain again and again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from hermes_run.refusals import LARGE, REPEATED, TOO_MANY, Repeats, refuse
from recorder.events import ModelReplied, ToolReturned, ToolStarted
from recorder.messages import Effect, Message, Status, ToolCall
from recorder.steps import Step, Turn

STAMP: Any = {"session": "s", "seq": 1, "ts": "2026-11-23T00:00:00.000Z"}
BAD = ToolCall("c", "bad", '{"a": 1, "b": 2}')
SAME = ToolCall("c", "bad", '{"b": 2,  "a": 1}')
LOOK = ToolCall("c", "look", "{}")
CHANGE = ToolCall("c", "change", "{}")


def step(
    call: ToolCall,
    status: Status | None = "error",
    output: Any = "no",
    effect: Effect = "workspace",
    **more: Any,
) -> Step:
    """Give a reply with one call and its result."""
    result = ToolReturned(**STAMP, call_id=call.id, status=status, output=output, **more)
    started = ToolStarted(**STAMP, call_id=call.id, effect=effect)
    return Step(ModelReplied(**STAMP, calls=(call,)), (started,), (result,))


def asking(*calls: ToolCall) -> Step:
    """Give a reply whose calls are to run."""
    return Step(ModelReplied(**STAMP, calls=calls))


REFUSED = step(BAD, "skipped", "Not run", "pure", flags=(REPEATED,))
FALSE = step(BAD, "ok", exit_code=1)
CHANGED = step(CHANGE, "ok")


def refused(turns: Sequence[Turn], call: ToolCall = BAD, most: int | None = 3) -> bool:
    """Whether a call is refused after *turns*; read at once or turn by turn is the same."""
    whole, bit_by_bit = Repeats(most), Repeats(most)
    last = asking(call)
    whole.read([*turns, last])
    for count in range(len(turns) + 1):
        bit_by_bit.read([*turns, last][: count + 1])
    found = whole.refusal(call)
    assert found == bit_by_bit.refusal(call)
    assert found is None or found.flag == REPEATED
    return found is not None


@pytest.mark.parametrize(
    ("turns", "is_refused"),
    [
        ([], False),
        ([step(BAD)] * 2, False),
        ([step(BAD)] * 3, True),
        ([step(BAD), step(SAME), step(BAD)], True),
        ([step(BAD), step(LOOK, "ok", effect="read")] * 3, True),
        ([Message("user", "x"), *[step(BAD)] * 3], True),
        ([step(BAD), step(BAD, output="something else"), step(BAD)], False),
        ([step(BAD), step(BAD, "timeout"), step(BAD)], False),
        ([step(BAD), step(BAD), step(BAD, "ok"), step(BAD)], False),
        ([step(BAD), step(BAD), step(BAD, "cancelled"), step(BAD)], True),
        ([step(BAD, "invalid", effect="pure")] * 3, True),
        ([step(BAD, None)] * 9, False),
        ([step(BAD, "ok")] * 9, False),
        ([FALSE] * 3, True),
        ([FALSE, FALSE, step(BAD, "ok", exit_code=2)], False),
        ([FALSE, FALSE, step(BAD, "ok", "other", exit_code=1)], False),
        ([FALSE, FALSE, step(BAD, "ok", exit_code=0), FALSE], False),
        ([FALSE, FALSE, step(BAD)], False),
        ([step(BAD, "ok", exit_code=0)] * 9, False),
        ([FALSE, FALSE, FALSE, CHANGED], False),
    ],
)
def test_a_call_is_refused_that_failed_as_often_in_a_row_in_the_same_way(turns, is_refused):
    """Other calls in between say nothing, and equal arguments may be written in many ways."""
    assert refused(turns) is is_refused


@pytest.mark.parametrize(
    ("turns", "is_refused"),
    [
        ([*[step(BAD)] * 3, CHANGED], False),
        ([*[step(BAD)] * 3, CHANGED, step(BAD)], True),
        ([*[step(BAD)] * 3, CHANGED, step(BAD), CHANGED], True),
        ([*[step(BAD)] * 3, REFUSED], True),
        ([*[step(BAD)] * 3, REFUSED, REFUSED, CHANGED], False),
        ([*[step(BAD)] * 3, CHANGED, step(BAD), REFUSED, CHANGED], False),
        ([*[step(BAD)] * 3, CHANGED, step(BAD), REFUSED, CHANGED, step(BAD), CHANGED], True),
        ([*[step(BAD)] * 3, step(CHANGE, "error")], True),
    ],
)
def test_a_refused_call_may_be_tried_again_once_something_changed(turns, is_refused):
    """Once for each time that it was refused: nothing is barred for ever, nothing goes round."""
    assert refused(turns) is is_refused


@pytest.mark.parametrize("arguments", ["{", "\ud800", '"\\ud800"', "[" * 10_000, "", "NaN"])
def test_arguments_that_are_no_json_are_compared_as_they_are(arguments):
    """Whatever a model wrote."""
    call = ToolCall("c", "bad", arguments)
    assert refused([step(call, "invalid")] * 3, call)
    assert not refused([step(call, "invalid")] * 3, BAD)


def test_calls_that_were_never_answered_say_nothing():
    """A given history may hold such."""
    assert not refused([asking(BAD)] * 5)
    assert refused([*[step(BAD)] * 3, asking(BAD)])


def test_without_a_bound_nothing_is_refused():
    """As often as it likes."""
    assert not refused([step(BAD)] * 50, most=None)


def test_calls_beyond_the_bound_of_a_reply_are_refused():
    """The first ones are run, whatever their ids are."""
    calls = tuple(ToolCall("same", "t", json.dumps({"n": n % 2})) for n in range(5))
    why = refuse(calls, asking(*calls), Repeats(3), 3)
    assert [one and one.flag for one in why] == [None] * 3 + [TOO_MANY] * 2
    assert why[3]
    assert "of the 5 calls of one reply only the first 3" in why[3].text
    assert refuse(calls[3:], asking(*calls), Repeats(3), 3) == why[3:]
    assert refuse(calls, asking(*calls), Repeats(3), None) == [None] * 5


def test_reading_a_long_session_turn_by_turn_looks_at_each_turn_once():
    """The work of a turn does not grow with the session."""
    looked: list[int] = []

    class Turns(list[Turn]):
        """Turns that tell which of them were looked at."""

        def __getitem__(self, place: Any) -> Any:
            looked.append(place)
            return super().__getitem__(place)

    repeats, turns = Repeats(3), Turns()
    for _ in range(100):
        turns.append(step(BAD))
        repeats.read(turns)
    assert looked == list(range(99))


def test_very_large_arguments_are_equal_only_where_they_are_written_alike():
    """To read them takes long, and other sessions would wait."""
    large = ToolCall("c", "bad", json.dumps({"text": "x" * LARGE}))
    spaced = ToolCall("c", "bad", f" {large.arguments}")
    assert refused([step(large)] * 3, large)
    assert not refused([step(large)] * 3, spaced)
