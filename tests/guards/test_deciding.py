"""What it costs to decide what comes next does not depend on what came before."""

from __future__ import annotations

from functools import partial

from hermes_run.decide import Ask, decide
from hermes_run.limits import Limits, Worked
from recorder.events import Event, ModelReplied, SessionStarted, ToolReturned, timestamp
from recorder.messages import Times, ToolCall
from recorder.session import Session, apply, fold
from tests.guards.counting import Work, count, grown

BOUNDED = Limits(turns=10**9, tokens=10**9, cost_usd=1e9, time_s=1e9, working_s=1e9)


def span(begins: int, lasts: int) -> Times:
    """Give a time in whole seconds."""
    return Times(started=timestamp(begins), finished=timestamp(begins + lasts))


def sessions(turns: int) -> list[Session]:
    """Give a session as it is before each request: replies take 2 s, calls 1 s."""
    event: Event = SessionStarted(session="s", seq=0, ts=timestamp(0))
    session = fold([event])
    seen: list[Session] = []
    for turn in range(turns):
        seen.append(session)
        at, seq = 10 * turn, session.seq
        call = ToolCall("c", "f", "{}")
        reply = ModelReplied(
            session="s", seq=seq, ts=timestamp(at + 2), calls=(call,), times=span(at, 2)
        )
        result = ToolReturned(
            session="s", seq=seq + 1, ts=timestamp(at + 3), call_id="c", times=span(at + 2, 1)
        )
        session = apply(apply(session, reply), result)
    return seen


def drive(seen: list[Session]) -> None:
    """Decide before each request of one session."""
    worked = Worked()
    for session in seen:
        assert decide(session, BOUNDED, worked) == Ask()


def test_a_decision_costs_the_same_after_few_turns_and_after_many():
    """Every bound is looked at, also the one of the time in which a session worked."""
    works: dict[int, Work] = {}
    for size in (10, 100, 1000):
        works[size] = count(partial(drive, sessions(size)))
    assert grown(works) == {}


def test_what_was_counted_before_changes_no_decision():
    """It is the time of all turns, wherever one begins to count."""
    worked = Worked()
    for turns, session in enumerate(sessions(20)):
        assert worked.seconds(session.turns) == Worked().seconds(session.turns) == 3 * turns
        limits = Limits(turns=None, working_s=30)
        assert decide(session, limits, worked) == decide(session, limits)
