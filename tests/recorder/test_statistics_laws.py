"""Counting a run event by event gives what counting its folded sessions gives."""

from __future__ import annotations

from collections import Counter
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from recorder.events import (
    CRASHED,
    ModelFailed,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    UserSpoke,
    seconds,
    timestamp,
)
from recorder.messages import Message, ToolCall, Usage, add_usage
from recorder.session import Session, apply
from recorder.statistics import StatisticsFold, ToolCounts
from recorder.stats import judge
from recorder.steps import Step, pair

FINAL = {"completed", "limit", "refused"}
CALLS = (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"), ToolCall("c", "f", "{}"))
GIVEN = (
    Message("user", "Hi"),
    Message("assistant", calls=(ToolCall("a", "given", "{}"),)),
    Message("tool", "3", call_id="a"),
)


class Stream:
    """Events of several sessions as a journal has them, and what each session came to.

    ``sessions`` are those as they stand, ``past`` those that began anew, as they stood before.
    """

    def __init__(self):
        self.events = []
        self.sessions = {}
        self.past = []

    def add(self, kind, name, **fields):
        """Append the next event of a session, a quarter of a second after the last of any."""
        before = self.sessions.get(name, Session())
        stamp = {"session": name, "seq": before.seq, "ts": timestamp(len(self.events) / 4)}
        event = kind(**stamp, **fields)
        self.sessions[name] = apply(before, event)
        self.events.append(event)
        if isinstance(event, SessionResumed) and event.anew:
            self.past.append(before)

    @property
    def lives(self):
        """Everything that ever happened to a session, once."""
        return [*self.sessions.values(), *self.past]


def counted(events):
    """Fold *events*."""
    fold = StatisticsFold()
    for event in events:
        fold.add(event)
    return fold


NAMES = st.sampled_from("xyz")


def fact(kind, **fields):
    """Draw what a fact of *kind* says."""
    return st.tuples(st.just(kind), st.fixed_dictionaries(fields))


QUARTERS = st.integers(0, 8).map(lambda n: n / 4)  # sums of these are exact in any order
STATUSES = st.sampled_from(["ok", "error", "timeout", "invalid", "skipped", "unknown", None])
USAGES = st.none() | st.builds(
    Usage,
    input=st.integers(0, 9),
    output=st.integers(0, 9),
    cost_usd=st.none() | QUARTERS,
    estimated=st.booleans(),
)
REPLY = fact(ModelReplied, calls=st.integers(0, 3).map(lambda n: CALLS[:n]), usage=USAGES)
RESULT = fact(
    ToolReturned,
    call_id=st.sampled_from(["a", "a", "b", "c", "stray"]),
    status=STATUSES,
    output=st.just("error: no"),
)
FAILURE = fact(
    ModelFailed,
    attempt=st.just(1),
    failure=st.sampled_from(["timeout", "overloaded"]),
    wait_s=st.none() | QUARTERS,
    usage=USAGES,
)
SCORE = fact(
    Scored,
    rewards=st.dictionaries(st.sampled_from(["verify", "style"]), st.none() | QUARTERS, min_size=1),
    source=st.just("tests"),
)
END = fact(
    SessionEnded,
    outcome=st.sampled_from(["tool_error", "uncertain", "interrupted", "completed"]),
)
SPOKEN = fact(UserSpoke, content=st.just("go on"))
RESUMED = fact(SessionResumed, anew=st.booleans())
# Replies and results come more often than the rest, or hardly a call would ever be answered.
FACTS = st.sampled_from(
    [*[REPLY] * 4, *[RESULT] * 8, *[RESUMED] * 2, *[SCORE] * 2, *[END] * 2, FAILURE, SPOKEN]
).flatmap(lambda facts: facts)


def is_due(session, kind):
    """Say whether a runner would record such a fact now; what ended by itself it lets be."""
    ended = session.ended
    return ended is None or (kind is SessionResumed and ended.outcome not in FINAL)


def attempt_after(session, kind):
    """Give what a resumption says of the attempt before; any other fact says nothing."""
    if kind is not SessionResumed:
        return {}
    previous = session.ended.outcome if session.ended else CRASHED
    return {"attempt": session.attempt + 1, "previous": previous}


@st.composite
def streams(draw):
    """Draw a journal of a few sessions, each fact where it can come."""
    stream = Stream()
    for name, (kind, fields) in draw(st.lists(st.tuples(NAMES, FACTS), min_size=40, max_size=60)):
        session = stream.sessions.get(name)
        if session is None:
            stream.add(SessionStarted, name, messages=GIVEN)
        elif is_due(session, kind):
            stream.add(kind, name, **fields, **attempt_after(session, kind))
    return stream


def steps_of(session):
    """Give the steps that happened; a given history did not happen here."""
    start = session.started.seq
    return [turn for turn in session.turns if isinstance(turn, Step) and turn.reply.seq != start]


def tools_of(lives):
    """Count the calls of all sessions as their folds have them."""
    counts = {}
    for step in (step for session in lives for step in steps_of(session)):
        for call, result in pair(step).pairs:
            counter = counts.setdefault(call.name, Counter())
            counter["count"] += 1
            if result and result.status and judge(result):
                counter[judge(result)] += 1
    return {
        name: ToolCounts(counter["count"], counter["success"], counter["failure"])
        for name, counter in counts.items()
    }


def rewards_of(sessions):
    """Average the rewards of all sessions as their folds have them."""
    given = {}
    for name, value in (item for session in sessions for item in session.rewards.items()):
        given.setdefault(name, []).append(value)
    rewards = {}
    for name, values in given.items():
        scored = [value for value in values if value is not None]
        mean = sum(scored) / len(scored) if scored else None
        rewards[name] = {"count": len(scored), "unscored": values.count(None), "mean": mean}
    return rewards


def time_of(events):
    """Add up the time of the attempts that ended, in seconds."""
    began, total = {}, 0.0
    for event in events:
        if isinstance(event, SessionStarted | SessionResumed):
            began[event.session] = seconds(event.ts)
        elif isinstance(event, SessionEnded):
            total += seconds(event.ts) - began[event.session]
    return total


@given(streams())
def test_the_statistics_of_a_run_are_those_of_its_sessions(stream):
    """Whatever failed, went on or began anew: what was spent stays, what was undone does not."""
    value, sessions, lives = counted(stream.events).value(), stream.sessions.values(), stream.lives
    failures = [failure for session in lives for failure in session.failures]
    assert value.started == len(sessions)
    assert value.running == sum(session.ended is None for session in sessions)
    assert value.outcomes == Counter(each.ended.outcome for each in sessions if each.ended)
    assert value.resumed == sum(session.attempt - 1 for session in sessions)
    assert value.replies == sum(session.replies for session in lives)
    assert value.failures == Counter(failure.failure for failure in failures)
    assert value.waited_s == sum(failure.wait_s or 0.0 for failure in failures)
    assert value.usage == reduce(add_usage, (session.usage for session in lives), Usage())
    assert value.tools == tools_of(lives)
    assert value.rewards == rewards_of(sessions)
    assert value.session_s == time_of(stream.events)
    assert (value.began, value.last) == (stream.events[0].ts, stream.events[-1].ts)


@given(streams(), st.integers(1, 9))
def test_looking_at_the_statistics_changes_nothing(stream, every):
    """They may be asked for at any time, and are the same afterwards."""
    fold = StatisticsFold()
    for place, event in enumerate(stream.events):
        fold.add(event)
        if place % every == 0:
            assert fold.value() == fold.value()
    assert fold.value() == counted(stream.events).value()


@given(streams())
def test_only_sessions_that_may_go_on_are_remembered(stream):
    """Memory does not grow with the sessions that are over."""
    fold, sessions = counted(stream.events), stream.sessions.items()
    over = {name for name, each in sessions if each.ended and each.ended.outcome in FINAL}
    running = {name for name, each in sessions if each.ended is None}
    assert not any(isinstance(each, SessionEnded) for each in fold._uncounted)
    assert {name for name, _ in fold.slowest(9)} == running
    assert fold._open.keys().isdisjoint(over)
    assert fold._open.keys() >= running
