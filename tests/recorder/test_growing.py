"""A session that grows by many facts is the one that they give one after the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recorder.errors import MisuseError
from recorder.events import (
    Event,
    ModelFailed,
    ModelReplied,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolStarted,
    UserSpoke,
    timestamp,
)
from recorder.messages import Message, ToolCall
from recorder.session import Growing, Session, apply, fold
from recorder.sessions import Sessions

LENGTH = 500
CALL = ToolCall("c", "f", "{}")
GIVEN = (
    Message("tool", "of nothing", call_id="x"),
    Message("user", "hi"),
    Message("assistant", "look", calls=(CALL, CALL)),
    Message("tool", "one", call_id="c"),
    Message("tool", "two", call_id="c"),
    Message("assistant", "done"),
    Message("tool", "of nothing", call_id="y"),
)
KINDS: list[tuple[Callable[..., Event], dict[str, Any]]] = [
    (ModelFailed, {"attempt": 1, "failure": "timeout"}),
    (ModelReplied, {"calls": (CALL,)}),
    (ModelReplied, {"text": "no calls"}),
    (ToolStarted, {"call_id": "c", "effect": "read"}),
    (ToolReturned, {"call_id": "c", "status": "ok", "output": 1}),
    (ToolReturned, {"call_id": "c", "status": "unknown"}),
    (UserSpoke, {"content": "more"}),
]
LIKELY = [1, 1, 1, 30, 30, 3, 1]
"""Mostly calls come and go, so that a step has more of them than are looked at again."""


def history(seed: int, given: tuple[Message, ...] = GIVEN) -> Iterator[Event]:
    """Give some history that can be; now and then the session begins anew."""
    chance = random.Random(seed)
    yield SessionStarted(session="s", seq=0, ts=timestamp(0), messages=given)
    session = fold([SessionStarted(session="s", seq=0, ts=timestamp(0), messages=given)])
    while session.seq < LENGTH:
        kind, fields = chance.choices(KINDS, LIKELY)[0]
        if chance.random() < 0.01:
            kind, fields = SessionResumed, {"attempt": 2, "previous": "crashed", "anew": True}
        event = kind(session="s", seq=session.seq, ts=timestamp(session.seq), **fields)
        try:
            session = apply(session, event)
        except MisuseError:  # a call can't start where none was asked for
            continue
        yield event


@pytest.mark.parametrize("seed", range(12))
def test_many_facts_give_what_they_give_one_by_one(seed: int):
    """Whatever is set aside meanwhile, the session is the same at every moment."""
    session, growing = Session(), Growing(Session())
    for event in history(seed):
        session = apply(session, event)
        growing.add(event)
        if not event.seq % 7:
            assert growing.session() == session
    assert growing.session() == session
    assert fold(history(seed)) == session


def test_a_fact_that_can_not_come_changes_nothing():
    """The session is what it was, and goes on."""
    growing = Growing(fold(history(1)))
    before = growing.session()
    with pytest.raises(MisuseError, match="expected"):
        growing.add(SessionEnded(session="s", seq=0, ts=timestamp(0), outcome="completed"))
    assert growing.session() == before


def test_a_session_with_nothing_said_grows():
    """There may be no turn at all when the first facts are set aside."""
    events = [SessionStarted(session="s", seq=0, ts=timestamp(0))]
    failures = [
        ModelFailed(session="s", seq=seq, ts=timestamp(0), attempt=seq, failure="timeout")
        for seq in range(1, LENGTH)
    ]
    session = fold([*events, *failures])
    assert session.turns == ()
    assert session.failures == tuple(failures)


def test_a_given_history_is_turns_as_if_they_had_happened_here():
    """Results join the reply before them; those that follow no call are kept apart."""
    session = fold([SessionStarted(session="s", seq=0, ts=timestamp(0), messages=GIVEN)])
    assert [type(turn).__name__ for turn in session.turns] == ["Message", "Step", "Step"]
    assert [result.output for result in session.turns[1].results] == ["one", "two"]  # pyright: ignore[reportAttributeAccessIssue]
    assert [result.call_id for result in session.orphans] == ["x", "y"]


def test_a_session_begun_anew_is_not_taken_for_one_that_got_somewhere():
    """Results in the history that was given are no progress of this attempt."""
    facts = [
        SessionStarted(session="s", seq=0, ts=timestamp(0), messages=GIVEN),
        SessionResumed(
            session="s", seq=1, ts=timestamp(1), attempt=2, previous="crashed", anew=True
        ),
    ]
    assert fold(facts).stalled == 1


def test_sessions_grow_side_by_side():
    """They are listed in the order in which they started, until they are forgotten."""
    sessions = Sessions()
    for name in ("b", "a"):
        sessions.add(SessionStarted(session=name, seq=0, ts=timestamp(0)))
    assert (list(sessions), len(sessions), "a" in sessions) == (["b", "a"], 2, True)
    assert sessions["a"].id == "a"
    sessions.pop("a")
    sessions.pop("a")
    assert ("a" in sessions, sessions.get("a")) == (False, None)
