"""How much a session may take is read off its own events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.limits import Limits, Worked, elapsed, exceeded, trying
from recorder.events import (
    ModelFailed,
    ModelReplied,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    timestamp,
)
from recorder.messages import Message, Times, ToolCall, Usage
from recorder.session import Session, fold

NONE = Limits(turns=None)


def session_of(*usages: Usage | None, step_s: float = 1.0) -> Session:
    """Fold a session with one reply for each of *usages*, *step_s* seconds apart."""
    start = SessionStarted(session="s", seq=0, ts=timestamp(0))
    replies = [
        ModelReplied(session="s", seq=n, ts=timestamp(n * step_s), text="hm", usage=usage)
        for n, usage in enumerate(usages, start=1)
    ]
    return fold([start, *replies])


def test_a_session_without_bounds_exceeds_none():
    """What is not bounded may be anything."""
    session = session_of(Usage(input=10**9, output=10**9, cost_usd=1e6), step_s=1e6)
    assert exceeded(session, NONE) is None


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (Limits(turns=3), None),
        (Limits(turns=2), "max_turns"),
        (Limits(turns=0), "max_turns"),
        (Limits(turns=None, tokens=31), None),
        (Limits(turns=None, tokens=30), "max_tokens"),
        (Limits(turns=None, cost_usd=0.76), None),
        (Limits(turns=None, cost_usd=0.75), "max_cost"),
        (Limits(turns=None, time_s=20.5), None),
        (Limits(turns=None, time_s=20.0), "session_timeout"),
        (Limits(turns=2, tokens=1, cost_usd=0.0, time_s=0.0), "max_turns"),
    ],
)
def test_a_bound_is_reached_exactly_at_its_figure(limits, reached):
    """Two replies of 15 tokens, half a dollar and a quarter, 20 seconds: each bound for itself."""
    usages = (Usage(input=10, output=5, cost_usd=0.5), Usage(input=5, output=10, cost_usd=0.25))
    assert exceeded(session_of(*usages, step_s=10.0), limits) == reached


def test_replies_without_usage_or_price_count_as_turns_only():
    """What is not known is not guessed."""
    session = session_of(None, Usage(input=1, output=1))
    assert exceeded(session, Limits(turns=3, tokens=3, cost_usd=0.01)) is None
    assert exceeded(session, Limits(turns=2, tokens=3, cost_usd=0.01)) == "max_turns"


def test_tokens_of_failed_attempts_count():
    """A reply that was thrown away was paid for."""
    session = session_of(Usage(input=4, output=1))
    lost = ModelFailed(
        session="s", seq=2, ts=timestamp(2), attempt=1, failure="server", usage=Usage(input=4)
    )
    limits = Limits(tokens=9)
    assert exceeded(session, limits) is None
    assert exceeded(fold([lost], session), limits) == "max_tokens"


def test_nothing_has_elapsed_before_the_start():
    """A session that has no event yet is no seconds old."""
    assert elapsed(Session()) == 0.0
    assert elapsed(session_of()) == 0.0


def test_the_time_between_two_attempts_does_not_count():
    """A session that is resumed a day later has not become a day older.

    Neither has it by what its first attempt waited for in vain before it ended.
    """
    ended = SessionEnded(session="s", seq=2, ts=timestamp(3), outcome="interrupted")
    resumed = SessionResumed(session="s", seq=3, ts=timestamp(90_000), attempt=2, previous="x")
    reply = ModelReplied(session="s", seq=4, ts=timestamp(90_002), text="hm")
    session = fold([ended, resumed, reply], session_of(None))
    assert elapsed(session) == 3.0
    assert exceeded(session, Limits(time_s=3.5)) is None


def test_elapsed_is_the_time_from_the_first_to_the_last_event():
    """Milliseconds count."""
    assert elapsed(session_of(None, None, step_s=1.25)) == 2.5


def test_a_clock_that_was_set_back_gives_nobody_more_time():
    """No time at all has passed, as far as anybody knows."""
    session = session_of(None, step_s=-3600.0)
    assert elapsed(session) == 0.0
    assert exceeded(session, Limits(turns=None, time_s=0.0)) == "session_timeout"


def times(begin: float, end: float) -> Times:
    """From one second to another."""
    return Times(started=timestamp(begin), finished=timestamp(end))


def worked(reply: Times | None, *results: Times | None) -> Session:
    """Fold a session with one reply and the results of its calls, a minute apart."""
    calls = tuple(ToolCall(f"c{n}", "look", "{}") for n, _ in enumerate(results))
    returned = [
        ToolReturned(session="s", seq=n, ts=timestamp(60 * n), call_id=f"c{n - 2}", times=one)
        for n, one in enumerate(results, start=2)
    ]
    replied = ModelReplied(session="s", seq=1, ts=timestamp(60), calls=calls, times=reply)
    return fold([SessionStarted(session="s", seq=0, ts=timestamp(0)), replied, *returned])


@pytest.mark.parametrize(
    ("reply", "results", "seconds"),
    [
        (None, (), 0.0),
        (Times(), (), 0.0),
        (times(1, 3), (), 2.0),
        (times(1, 3), (times(10, 11.5),), 3.5),
        (times(1, 3), (times(10, 12), times(10, 15)), 7.0),  # side by side
        (times(1, 3), (times(11, 12), times(10, 15)), 7.0),  # one inside the other
        (times(1, 3), (times(10, 12), times(20, 21)), 5.0),  # one after the other
        (times(1, 3), (times(12, 10),), 2.0),  # the clock was set back
        (None, (None, times(10, 11)), 1.0),
    ],
)
def test_working_time_is_what_the_model_and_its_calls_took(reply, results, seconds):
    """Whatever was waited for in between is no work."""
    session = worked(reply, *results)
    assert Worked().seconds(session.turns) == seconds
    assert exceeded(session, Limits(working_s=seconds + 0.001)) is None
    assert exceeded(session, Limits(working_s=seconds)) == "working_time"


def test_an_endpoint_that_makes_a_session_wait_does_not_use_up_its_working_time():
    """Failed attempts and the pauses after them are its fault."""
    lost = ModelFailed(
        session="s", seq=2, ts=timestamp(900), attempt=1, failure="rate_limit", wait_s=600.0
    )
    session = fold([lost], worked(times(1, 3)))
    assert (Worked().seconds(session.turns), elapsed(session)) == (2.0, 900.0)


def test_a_given_history_took_no_time():
    """Nobody knows when it was."""
    start = SessionStarted(
        session="s", seq=0, ts=timestamp(0), messages=(Message("assistant", "Before."),)
    )
    assert Worked().seconds(fold([start]).turns) == 0.0


def test_a_reply_is_tried_for_from_its_first_failure_in_a_row():
    """A reply in between, or a resumption, begins anew."""
    session = session_of(None)
    assert trying(session, 99.0) == 0.0
    for n, attempt in ((2, 1), (3, 2)):
        lost = ModelFailed(
            session="s", seq=n, ts=timestamp(10 * n), attempt=attempt, failure="server"
        )
        session = fold([lost], session)
    assert trying(session, 25.5) == 5.5
    assert trying(session, 0.0) == 0.0
    reply = ModelReplied(session="s", seq=4, ts=timestamp(50), text="hm")
    assert trying(fold([reply], session), 99.0) == 0.0


usages = st.builds(
    Usage,
    input=st.integers(0, 1000),
    output=st.integers(0, 1000),
    cost_usd=st.none() | st.floats(0, 1),
)


@given(
    st.lists(st.tuples(usages, st.booleans()), max_size=30),
    st.builds(
        Limits,
        turns=st.integers(1, 20),
        tokens=st.integers(1, 5000),
        cost_usd=st.floats(0.01, 5),
    ),
)
def test_no_bound_is_passed_by_more_than_the_last_reply(attempts, limits):
    """A bound is looked at before every attempt, and attempts that failed count as well."""
    session, last = session_of(), Usage()
    for n, (usage, replied) in enumerate(attempts, start=1):
        if exceeded(session, limits):
            break
        fields = {"session": "s", "seq": n, "ts": timestamp(n), "usage": usage}
        fact = (
            ModelReplied(**fields)
            if replied
            else ModelFailed(**fields, attempt=1, failure="stream_cut")
        )
        session, last = fold([fact], session), usage
    spent = session.usage
    assert limits.turns is not None
    assert limits.tokens is not None
    assert limits.cost_usd is not None
    assert session.replies <= limits.turns
    assert spent.input + spent.output < limits.tokens + last.input + last.output
    assert (spent.cost_usd or 0.0) <= limits.cost_usd + (last.cost_usd or 0.0) + 1e-9
