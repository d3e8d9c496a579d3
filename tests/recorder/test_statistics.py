"""The fold of a whole run."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.events import (
    Event,
    ModelFailed,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolStarted,
    Unknown,
    UserSpoke,
    timestamp,
)
from recorder.messages import Message, ToolCall, Usage
from recorder.session import Session, apply
from recorder.statistics import RunStatistics, StatisticsFold, ToolCounts


class Story:
    """Makes the events of sessions, a second apart, and counts and folds them."""

    def __init__(self):
        self.fold = StatisticsFold()
        self.sessions: dict[str, Session] = {}
        self.events: list[Event] = []

    def tell(self, kind: type[Any], session: str = "s", **fields: Any) -> None:
        """Let the next event of *session* happen."""
        before = self.sessions.get(session, Session())
        ts = timestamp(len(self.events))
        event = kind(session=session, seq=before.seq, ts=ts, **fields)
        self.events.append(event)
        self.sessions[session] = apply(before, event)
        self.fold.add(event)

    @property
    def value(self) -> RunStatistics:
        """What was counted."""
        return self.fold.value()

    @property
    def held(self):
        """The sessions that the fold remembers, once all is counted."""
        self.fold.value()
        return set(self.fold._open)


def calls(*ids: str) -> tuple[ToolCall, ...]:
    """Make calls, of the tool that is named by the first letter of each id."""
    return tuple(ToolCall(name, f"tool-{name[:1]}", "{}") for name in ids)


@pytest.fixture
def story() -> Story:
    """Give a story in which a session has started."""
    made = Story()
    made.tell(SessionStarted, messages=(Message("user", "Hi"),))
    return made


async def test_the_fold_is_a_sink():
    """An event that is sent to it is counted."""
    fold = StatisticsFold()
    await fold(SessionStarted(session="s", seq=0, ts=timestamp(0)))
    assert (fold.value().started, fold.value().running) == (1, 1)


def test_nothing_comes_to_nothing():
    """A run without events has no counts and no times."""
    value = StatisticsFold().value()
    assert (value.started, value.outcomes, value.tools, value.rewards) == (0, {}, {}, {})
    assert (value.began, value.last) == ("", "")


def test_what_says_nothing_about_a_run_is_not_counted(story):
    """Starts of tools, and events of a later version."""
    before = story.value
    story.tell(ModelReplied, calls=calls("a"))
    replied = story.value
    story.tell(ToolStarted, call_id="a", effect="read")
    story.fold.add(Unknown(event="later", session="s", seq=9, ts=timestamp(99), raw=b"{"))
    assert story.value == replied != before


def test_sessions_are_counted_from_start_to_end(story):
    """How many began, how many go on, how the others ended and how long they took."""
    story.tell(SessionStarted, "t")
    assert (story.value.started, story.value.running) == (2, 2)
    story.tell(SessionEnded, outcome="completed")
    story.tell(SessionEnded, "t", outcome="limit")
    value = story.value
    assert (value.started, value.running) == (2, 0)
    assert value.outcomes == {"completed": 1, "limit": 1}
    assert value.session_s == 2 + 2
    assert (value.began, value.last) == (timestamp(0), timestamp(3))


def test_a_clock_that_was_set_back_takes_nothing_away():
    """No time is negative, and the run began at its earliest event."""
    fold = StatisticsFold()
    fold.add(SessionStarted(session="s", seq=0, ts=timestamp(100)))
    fold.add(SessionEnded(session="s", seq=1, ts=timestamp(40), outcome="completed"))
    value = fold.value()
    assert (value.session_s, value.began, value.last) == (0, timestamp(40), timestamp(100))


def test_the_slowest_sessions_are_those_in_flight_that_began_first(story):
    """The longest first; those that ended are not among them."""
    for name in ("t", "u"):
        story.tell(SessionStarted, name)
    story.tell(SessionEnded, "t", outcome="completed")
    assert story.fold.slowest(2) == [("s", timestamp(0)), ("u", timestamp(2))]
    assert story.fold.slowest(1) == [("s", timestamp(0))]


def test_replies_and_failures_cost_what_they_say(story):
    """Tokens and dollars of both; failures by their class, with the time waited after them."""
    story.tell(ModelFailed, attempt=1, failure="rate_limit", wait_s=1.5, usage=Usage(input=1))
    story.tell(ModelFailed, attempt=2, failure="rate_limit", wait_s=2.5)
    story.tell(ModelFailed, attempt=3, failure="timeout")
    story.tell(ModelReplied, text="Ho", usage=Usage(input=10, output=5, cost_usd=0.25))
    story.tell(ModelReplied, text="He")
    value = story.value
    assert value.replies == 2
    assert value.failures == {"rate_limit": 2, "timeout": 1}
    assert value.waited_s == 4.0
    assert value.usage == story.fold.usage == Usage(input=11, output=5, cost_usd=0.25)


def test_calls_are_judged_by_their_executor(story):
    """Skipped, cancelled, unknown and unjudged ones are neither success nor failure."""
    ids = ("a1", "a2", "a3", "b1", "b2", "b3", "b4", "b5")
    story.tell(ModelReplied, calls=calls(*ids))
    statuses = ("ok", "error", "timeout", "invalid", "skipped", "cancelled", "unknown", None)
    for call_id, status in zip(reversed(ids), reversed(statuses), strict=True):
        story.tell(ToolReturned, call_id=call_id, status=status, output="error: no")
    expected = {"tool-a": ToolCounts(3, 1, 2), "tool-b": ToolCounts(5, 0, 1)}
    assert story.value.tools == expected
    story.tell(SessionEnded, outcome="completed")
    assert story.value.tools == expected


def test_calls_are_counted_though_they_were_given_no_result(story):
    """Before their results come, and if they never do."""
    story.tell(ModelReplied, calls=calls("a", "b"))
    assert story.value.tools == {"tool-a": ToolCounts(1), "tool-b": ToolCounts(1)}


def test_a_result_counts_for_the_turn_it_came_in(story):
    """One that comes after the next turn began is nobody's, as is a second one for a call."""
    story.tell(ModelReplied, calls=calls("a"))
    story.tell(ToolReturned, call_id="a", status="ok")
    story.tell(ToolReturned, call_id="a", status="error")
    story.tell(ModelReplied, calls=calls("b"))
    story.tell(UserSpoke, content="stop")
    story.tell(ToolReturned, call_id="b", status="ok")
    assert story.value.tools == {"tool-a": ToolCounts(1, 1, 0), "tool-b": ToolCounts(1)}


def test_rewards_are_averaged_by_name(story):
    """One that could not be given is no zero, and one that was given again counts once."""
    story.tell(Scored, rewards={"verify": 0.0, "style": None}, source="tests")
    story.tell(Scored, rewards={"verify": 1.0}, source="tests")
    story.tell(SessionStarted, "t")
    story.tell(Scored, "t", rewards={"verify": 0.0}, source="tests")
    expected = {
        "style": {"count": 0, "unscored": 1, "mean": None},
        "verify": {"count": 2, "unscored": 0, "mean": 0.5},
    }
    assert story.value.rewards == expected
    story.tell(SessionEnded, outcome="completed")
    story.tell(SessionEnded, "t", outcome="interrupted")
    assert story.value.rewards == expected


def test_a_reward_may_come_after_the_end(story):
    """As when somebody else judges what was done."""
    story.tell(SessionEnded, outcome="completed")
    story.tell(Scored, rewards={"judge": 0.5}, source="judge")
    assert story.value.rewards == {"judge": {"count": 1, "unscored": 0, "mean": 0.5}}


def test_a_session_that_goes_on_takes_its_outcome_back(story):
    """Until it ends again; its calls may still get their results."""
    story.tell(ModelReplied, calls=calls("a", "b"))
    story.tell(ToolReturned, call_id="a", status="ok")
    story.tell(SessionEnded, outcome="interrupted")
    assert "s" in story.held
    assert story.value.running == 0
    story.tell(SessionResumed, attempt=2, previous="interrupted")
    assert (story.value.outcomes, story.value.resumed, story.value.running) == ({}, 1, 1)
    story.tell(ToolReturned, call_id="b", status="error")
    story.tell(SessionEnded, outcome="completed")
    value = story.value
    assert value.outcomes == {"completed": 1}
    assert value.tools == {"tool-a": ToolCounts(1, 1, 0), "tool-b": ToolCounts(1, 0, 1)}
    assert value.session_s == 3 + 2
    assert "s" not in story.held


def test_a_session_that_crashed_had_no_outcome_to_take_back(story):
    """That of another session is not touched."""
    story.tell(SessionStarted, "t")
    story.tell(SessionEnded, "t", outcome="interrupted")
    story.tell(SessionResumed, attempt=2, previous="crashed")
    assert story.value.outcomes == {"interrupted": 1}
    story.tell(SessionEnded, outcome="completed")
    assert story.value.outcomes == {"completed": 1, "interrupted": 1}


def test_a_session_that_nothing_was_kept_of_may_still_go_on(story):
    """As one that the endpoint failed; what happens from then on is counted."""
    story.tell(SessionEnded, outcome="model_error")
    assert "s" not in story.held
    story.tell(SessionResumed, attempt=2, previous="model_error")
    story.tell(ModelReplied, calls=calls("a"))
    story.tell(ToolReturned, call_id="a", status="ok")
    story.tell(SessionEnded, outcome="completed")
    assert story.value.outcomes == {"completed": 1}
    assert story.value.tools == {"tool-a": ToolCounts(1, 1, 0)}


def test_a_session_that_begins_anew_keeps_its_cost_and_loses_its_rewards(story):
    """What was called was called, but what it was worth is for the new attempt to show."""
    story.tell(ModelReplied, calls=calls("a", "b"), usage=Usage(input=3))
    story.tell(ToolReturned, call_id="a", status="ok")
    story.tell(Scored, rewards={"verify": 1.0}, source="tests")
    story.tell(SessionEnded, outcome="tool_error")
    story.tell(SessionResumed, attempt=2, previous="tool_error", anew=True)
    story.tell(ToolReturned, call_id="b", status="ok")
    value = story.value
    assert value.usage == Usage(input=3)
    assert value.tools == {"tool-a": ToolCounts(1, 1, 0), "tool-b": ToolCounts(1)}
    assert value.rewards == {}


def test_facts_of_a_session_whose_start_was_not_seen_do_no_harm():
    """A fold may be fed from the middle of a run."""
    fold = StatisticsFold()
    place = {"session": "s", "seq": 5, "ts": timestamp(5)}
    fold.add(ModelReplied(**place, calls=calls("a")))
    fold.add(ToolReturned(**place, call_id="a", status="ok"))
    fold.add(SessionEnded(**place, outcome="completed"))
    value = fold.value()
    assert (value.replies, value.outcomes) == (1, {"completed": 1})
    assert value.tools == {"tool-a": ToolCounts(1)}


def test_replies_that_nobody_said_the_cost_of_are_counted(story):
    """Also one without any usage; a lost one without tokens cost nothing that is known of."""
    for usage in (Usage(5, 1, cost_usd=0.5), Usage(5, 1), None):
        story.tell(ModelReplied, text="hm", usage=usage)
        story.tell(ModelFailed, attempt=1, failure="stream_cut", usage=usage)
    assert story.value.unpriced == 3
    assert story.value.usage.cost_usd == 1.0


def test_what_was_odd_about_results_is_counted(story: Story):
    """Once for each result; what was coerced is one thing, whatever its name."""
    assert story.value.result_flags == {}
    story.tell(ModelReplied, calls=calls("a1", "a2"))
    story.tell(ToolReturned, call_id="a1", status="ok", flags=("coerced:x", "coerced:y", "b"))
    story.tell(ToolReturned, call_id="a2", status="skipped", flags=("repeated",))
    story.tell(ModelReplied, calls=calls("a3"))
    story.tell(ToolReturned, call_id="a3", status="skipped", flags=("repeated",))
    assert story.value.result_flags == {"b": 1, "coerced": 1, "repeated": 2}
