"""How much a session may take is read off its own events."""

from __future__ import annotations

import pytest

from hermes_run.limits import Limits, elapsed, exceeded
from recorder.events import (
    ModelFailed,
    ModelReplied,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    timestamp,
)
from recorder.messages import Usage
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
    """A session that is resumed a day later has not become a day older."""
    ended = SessionEnded(session="s", seq=2, ts=timestamp(3), outcome="interrupted")
    resumed = SessionResumed(session="s", seq=3, ts=timestamp(90_000), attempt=2, previous="x")
    reply = ModelReplied(session="s", seq=4, ts=timestamp(90_002), text="hm")
    session = fold([ended, resumed, reply], session_of(None))
    assert elapsed(session) == 5.0
    assert exceeded(session, Limits(time_s=5.5)) is None


def test_elapsed_is_the_time_from_the_first_to_the_last_event():
    """Milliseconds count."""
    assert elapsed(session_of(None, None, step_s=1.25)) == 2.5


def test_a_clock_that_was_set_back_gives_nobody_more_time():
    """No time at all has passed, as far as anybody knows."""
    session = session_of(None, step_s=-3600.0)
    assert elapsed(session) == 0.0
    assert exceeded(session, Limits(turns=None, time_s=0.0)) == "session_timeout"
