"""When an endpoint is tried again."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.failure import Failure, Kind
from hermes_run.retry import Backoff, pause

SERVER = Failure(kind="server", error="HTTP 500")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_only_a_failure_that_may_pass_is_tried_again(kind):
    """What is fatal for the session or the run is given up at once."""
    failure = Failure(kind=kind, error="")
    waits = pause(Backoff(), 1, failure, 0.5) is not None
    assert waits == (failure.verdict == "retry")


def test_the_last_attempt_is_given_up():
    """A budget of three attempts has two pauses."""
    backoff = Backoff(attempts=3)
    pauses = [pause(backoff, attempt, SERVER, 0.5) for attempt in (1, 2, 3, 4)]
    assert [wait is None for wait in pauses] == [False, False, True, True]


def test_the_pause_doubles_up_to_its_cap():
    """With all of the jitter the pauses are 1, 2, 4 and then the cap."""
    backoff = Backoff(attempts=9, base_s=1.0, cap_s=5.0)
    assert [pause(backoff, n, SERVER, 1.0) for n in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_jitter_is_full():
    """Anything from nothing to the whole pause may come out."""
    assert [pause(Backoff(), 3, SERVER, chance) for chance in (0.0, 0.25, 0.5)] == [0.0, 1.0, 2.0]


def test_what_the_endpoint_asks_for_is_kept_to_with_jitter_on_top():
    """Sessions that were told the same pause don't come back at the same moment."""
    failure = Failure(kind="rate_limit", error="", retry_after_s=20.0)
    assert [pause(Backoff(), 1, failure, chance) for chance in (0.0, 0.5)] == [20.0, 20.5]


def test_a_pause_beyond_all_patience_is_given_up():
    """A session that would wait for half a day is left to be resumed."""
    backoff = Backoff(patience_s=60.0)
    asked = [Failure(kind="rate_limit", error="", retry_after_s=s) for s in (60.0, 60.1)]
    assert [pause(backoff, 1, failure, 0.0) for failure in asked] == [60.0, None]


@given(
    attempt=st.integers(1, 10**9),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 86_400),
)
def test_a_pause_lies_between_what_was_asked_and_the_cap_beyond_it(attempt, chance, asked):
    """However many attempts were made, the pause is a number that can be waited for."""
    backoff = Backoff(attempts=2**62, patience_s=1e9)
    wait = pause(backoff, attempt, Failure(kind="server", error="", retry_after_s=asked), chance)
    least = asked or 0.0
    assert wait is not None
    assert least - 0.001 <= wait <= least + backoff.cap_s + 0.001
