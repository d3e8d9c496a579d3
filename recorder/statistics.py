"""The fold of a whole run: counts, tokens, tools and time, over all its attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from recorder.events import (
    Event,
    ModelFailed,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    UserSpoke,
    between,
)
from recorder.messages import Usage, add_usage
from recorder.stats import judge
from recorder.steps import Step, pair, unanswered

_AT_ONCE = 32
"""So many events are counted together: one after the other they are cheap, each for itself not."""

_FINAL = ("completed", "limit", "refused")


class ToolCounts(msgspec.Struct, frozen=True):
    """Calls of one tool.

    Those that were skipped or cancelled are neither success nor failure, nor are those whose
    executor said nothing.
    """

    count: int = 0
    success: int = 0
    failure: int = 0


class RunStatistics(msgspec.Struct, frozen=True):
    """What a run came to.

    ``waited_s`` is the time between failed attempts and the next, ``session_s`` the time of all
    sessions that ended, both in seconds. ``failures`` counts attempts that gave no reply by their
    class, ``result_flags`` results of calls by what was odd about them (``coerced:NAME`` counts as
    ``coerced``). ``unpriced`` are replies, and lost ones of which the tokens are known, that nobody
    said the cost of: it is not in ``usage.cost_usd``. A reward that was given again while its
    session could go on counts once.
    """

    started: int
    running: int
    outcomes: dict[str, int]
    resumed: int
    replies: int
    failures: dict[str, int]
    waited_s: float
    usage: Usage
    tools: dict[str, ToolCounts]
    rewards: dict[str, dict[str, float | None]]
    session_s: float
    began: str
    last: str
    unpriced: int = 0
    result_flags: dict[str, int] = {}


class _Open(msgspec.Struct):
    """A session that may still go on; ``began`` is None when it ended but may be resumed."""

    began: str | None
    reply: ModelReplied | None = None
    results: list[ToolReturned] = []
    rewards: dict[str, float | None] = {}


class StatisticsFold:
    """A sink that counts; constant work an event, and memory only for sessions that may go on.

    Events are counted when somebody asks, when some have come, and when a session ends, of which
    nothing may be kept: that the work is done at once keeps it in the processor's caches.
    """

    def __init__(self) -> None:
        self._started = self._resumed = self._replies = self._unpriced = 0
        self._outcomes: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._flags: Counter[str] = Counter()
        self._waited_s = self._session_s = 0.0
        self._usage = Usage()
        self._tools: dict[str, Counter[str]] = {}
        self._rewards: dict[str, _Rewards] = {}
        self._open: dict[str, _Open] = {}
        self._began = self._last = ""
        self._uncounted: list[Event] = []
        self._counts: dict[type, Callable[[Any], None]] = {
            SessionStarted: self._start,
            ModelReplied: self._reply,
            ModelFailed: self._fail,
            ToolReturned: self._return,
            UserSpoke: self._speak,
            Scored: self._score,
            SessionResumed: self._resume,
            SessionEnded: self._end,
        }

    async def __call__(self, event: Event) -> None:
        """Count *event*."""
        self.add(event)

    def add(self, event: Event) -> None:
        """Count *event*."""
        self._uncounted.append(event)
        if len(self._uncounted) >= _AT_ONCE or type(event) is SessionEnded:
            self._count()

    def _count(self) -> None:
        """Count what came since this was done last."""
        uncounted, self._uncounted = self._uncounted, []
        counts, moments = self._counts, [self._last]
        for event in uncounted:
            if count := counts.get(type(event)):
                count(event)
                moments.append(event.ts)
        self._last = max(moments)
        self._began = min(filter(None, (self._began, *moments)), default="")

    def value(self) -> RunStatistics:
        """What was counted so far."""
        self._count()
        return RunStatistics(
            started=self._started,
            running=sum(session.began is not None for session in self._open.values()),
            outcomes=dict(sorted((+self._outcomes).items())),
            resumed=self._resumed,
            replies=self._replies,
            failures=dict(sorted(self._failures.items())),
            waited_s=round(self._waited_s, 3),
            usage=self._usage,
            tools=self._tools_now(),
            rewards=self._rewards_now(),
            session_s=round(self._session_s, 3),
            began=self._began,
            last=self._last,
            unpriced=self._unpriced,
            result_flags=dict(sorted(self._flags.items())),
        )

    @property
    def usage(self) -> Usage:
        """Tokens and cost so far."""
        self._count()
        return self._usage

    def slowest(self, most: int) -> list[tuple[str, str]]:
        """The sessions in flight that began first: their ids and when they began."""
        self._count()
        begun = [(name, session.began) for name, session in self._open.items() if session.began]
        return sorted(begun, key=lambda item: item[1])[:most]

    def _start(self, event: SessionStarted) -> None:
        self._started += 1
        self._open[event.session] = _Open(event.ts)

    def _reply(self, event: ModelReplied) -> None:
        self._replies += 1
        self._spend(event.usage or Usage())
        for call in event.calls:
            self._tools.setdefault(call.name, Counter())["count"] += 1
        self._turn(event.session, event if event.calls else None)

    def _fail(self, event: ModelFailed) -> None:
        self._failures[event.failure] += 1
        self._waited_s += event.wait_s or 0.0
        self._spend(event.usage)

    def _spend(self, usage: Usage | None) -> None:
        if usage:
            self._usage = add_usage(self._usage, usage)
            self._unpriced += usage.cost_usd is None

    def _return(self, event: ToolReturned) -> None:
        if event.flags:
            self._flags.update({flag.partition(":")[0] for flag in event.flags})
        session = self._open.get(event.session)
        if session and session.reply:
            session.results.append(event)

    def _speak(self, event: UserSpoke) -> None:
        self._turn(event.session, None)

    def _turn(self, name: str, reply: ModelReplied | None) -> None:
        """Count how the calls of the turn before went: from here on no result can be theirs."""
        session = self._open.get(name)
        if session:
            _judge(_step(session), self._tools)
            session.reply, session.results = reply, []

    def _score(self, event: Scored) -> None:
        session = self._open.get(event.session)
        if session:
            session.rewards = {**session.rewards, **event.rewards}
        else:
            _add(event.rewards, self._rewards)

    def _resume(self, event: SessionResumed) -> None:
        self._resumed += 1
        session = self._open.setdefault(event.session, _Open(None))
        if session.began is None and self._outcomes[event.previous]:
            self._outcomes[event.previous] -= 1
        session.began = event.ts
        if event.anew:
            self._turn(event.session, None)
            session.rewards = {}

    def _end(self, event: SessionEnded) -> None:
        self._outcomes[event.outcome] += 1
        session = self._open.get(event.session)
        if session is None or session.began is None:
            return
        self._session_s += between(session.began, event.ts)
        session.began = None
        if event.outcome in _FINAL or not _may_change(session):
            self._turn(event.session, None)
            _add(session.rewards, self._rewards)
            del self._open[event.session]

    def _tools_now(self) -> dict[str, ToolCounts]:
        counts = {name: counter.copy() for name, counter in self._tools.items()}
        for session in self._open.values():
            _judge(_step(session), counts)
        return {
            name: ToolCounts(counter["count"], counter["success"], counter["failure"])
            for name, counter in sorted(counts.items())
        }

    def _rewards_now(self) -> dict[str, dict[str, float | None]]:
        sums = dict(self._rewards)
        for session in self._open.values():
            _add(session.rewards, sums)
        return {name: _shown(sums[name]) for name in sorted(sums)}


class _Rewards(msgspec.Struct, frozen=True):
    count: int = 0
    unscored: int = 0
    total: float = 0.0


def _add(rewards: dict[str, float | None], sums: dict[str, _Rewards]) -> None:
    for name, value in rewards.items():
        now = sums.get(name, _Rewards())
        if value is None:
            sums[name] = msgspec.structs.replace(now, unscored=now.unscored + 1)
        else:
            sums[name] = _Rewards(now.count + 1, now.unscored, now.total + value)


def _shown(rewards: _Rewards) -> dict[str, float | None]:
    mean = rewards.total / rewards.count if rewards.count else None
    return {"count": rewards.count, "unscored": rewards.unscored, "mean": mean}


def _step(session: _Open) -> Step | None:
    return Step(session.reply, results=tuple(session.results)) if session.reply else None


def _judge(step: Step | None, counts: dict[str, Counter[str]]) -> None:
    """Count the calls of *step* whose executor said how they went."""
    for call, result in pair(step).pairs if step else ():
        verdict = judge(result) if result and result.status else None
        if verdict:
            counts[call.name][verdict] += 1


def _may_change(session: _Open) -> bool:
    """Whether a resumed session could change what is counted of it."""
    step = _step(session)
    return bool(session.rewards or (step and unanswered(step)))
