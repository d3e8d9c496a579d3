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
    seconds,
)
from recorder.messages import Usage, add_usage

_FAILURES = ("error", "timeout", "invalid", "unknown")


class ToolCounts(msgspec.Struct, frozen=True):
    """Calls of one tool; those that were skipped or cancelled are neither success nor failure."""

    count: int = 0
    success: int = 0
    failure: int = 0


class RunStatistics(msgspec.Struct, frozen=True):
    """What a run came to; ``waited_s`` is the time between failed attempts and the next."""

    started: int
    running: int
    outcomes: dict[str, int]
    resumed: int
    replies: int
    failures: dict[str, int]
    waited_s: float
    usage: Usage
    tools: dict[str, ToolCounts]
    rewards: dict[str, dict[str, float]]
    session_s: float
    began: str
    last: str


class StatisticsFold:
    """A sink that counts; constant work an event, and memory only for sessions in flight."""

    def __init__(self) -> None:
        self._started = self._resumed = self._replies = 0
        self._outcomes: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._waited_s = self._session_s = 0.0
        self._usage = Usage()
        self._tools: dict[str, Counter[str]] = {}
        self._rewards: dict[str, Counter[str]] = {}
        self._calls: dict[str, dict[str, str]] = {}
        self._begun: dict[str, str] = {}
        self._began = self._last = ""

    async def __call__(self, event: Event) -> None:
        """Count *event*."""
        self.add(event)

    def add(self, event: Event) -> None:
        """Count *event*."""
        count = _COUNTS.get(type(event))
        if count:
            count(self, event)
            self._began = self._began or event.ts
            self._last = max(self._last, event.ts)

    def value(self) -> RunStatistics:
        """What was counted so far."""
        return RunStatistics(
            started=self._started,
            running=len(self._begun),
            outcomes=dict(sorted((+self._outcomes).items())),
            resumed=self._resumed,
            replies=self._replies,
            failures=dict(sorted(self._failures.items())),
            waited_s=round(self._waited_s, 3),
            usage=self._usage,
            tools={
                name: ToolCounts(c["count"], c["success"], c["failure"])
                for name, c in sorted(self._tools.items())
            },
            rewards={
                name: {"count": c["count"], "unscored": c["unscored"], "mean": _mean(c)}
                for name, c in sorted(self._rewards.items())
            },
            session_s=round(self._session_s, 3),
            began=self._began,
            last=self._last,
        )

    @property
    def usage(self) -> Usage:
        """Tokens and cost so far."""
        return self._usage

    def slowest(self, most: int) -> list[tuple[str, str]]:
        """The sessions in flight that began first: their ids and when they began."""
        return sorted(self._begun.items(), key=lambda item: item[1])[:most]

    def _start(self, event: SessionStarted) -> None:
        self._started += 1
        self._begun[event.session] = event.ts

    def _reply(self, event: ModelReplied) -> None:
        self._replies += 1
        if event.usage:
            self._usage = add_usage(self._usage, event.usage)
        if event.calls:
            self._calls[event.session] = {call.id: call.name for call in event.calls}
        for call in event.calls:
            self._tools.setdefault(call.name, Counter())["count"] += 1

    def _fail(self, event: ModelFailed) -> None:
        self._failures[event.failure] += 1
        self._waited_s += event.wait_s or 0.0
        if event.usage:
            self._usage = add_usage(self._usage, event.usage)

    def _return(self, event: ToolReturned) -> None:
        name = self._calls.get(event.session, {}).pop(event.call_id or "", None)
        if name is None:
            return
        if event.status == "ok":
            self._tools[name]["success"] += 1
        elif event.status in _FAILURES:
            self._tools[name]["failure"] += 1

    def _score(self, event: Scored) -> None:
        for name, value in event.rewards.items():
            counts: Counter[Any] = self._rewards.setdefault(name, Counter())
            counts["unscored" if value is None else "count"] += 1
            counts["sum"] += value or 0.0

    def _resume(self, event: SessionResumed) -> None:
        self._resumed += 1
        self._begun[event.session] = event.ts
        self._outcomes[event.previous] -= event.previous in self._outcomes

    def _end(self, event: SessionEnded) -> None:
        self._outcomes[event.outcome] += 1
        self._calls.pop(event.session, None)
        began = self._begun.pop(event.session, None)
        if began:
            self._session_s += max(0.0, seconds(event.ts) - seconds(began))


def _mean(counts: Counter[Any]) -> float:
    return counts["sum"] / counts["count"] if counts["count"] else 0.0


_COUNTS: dict[type, Callable[[StatisticsFold, Any], None]] = {
    SessionStarted: StatisticsFold._start,  # noqa: SLF001  # its own table of what counts how
    ModelReplied: StatisticsFold._reply,  # noqa: SLF001
    ModelFailed: StatisticsFold._fail,  # noqa: SLF001
    ToolReturned: StatisticsFold._return,  # noqa: SLF001
    Scored: StatisticsFold._score,  # noqa: SLF001
    SessionResumed: StatisticsFold._resume,  # noqa: SLF001
    SessionEnded: StatisticsFold._end,  # noqa: SLF001
}
