"""Rates over the last minute, and the time that is left. Pure: the clock is an argument."""

from __future__ import annotations

from collections import deque

import msgspec

_WINDOW_S = 60.0


class Rates(msgspec.Struct, frozen=True):
    """Sessions that ended and replies that came, a second."""

    sessions: float = 0.0
    replies: float = 0.0


class Pace:
    """Remembers a minute of counts."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def add(self, now_s: float, sessions: int, replies: int) -> Rates:
        """Take the counts of *now_s* and give the rates since a minute ago, or since the first."""
        self._seen.append((now_s, sessions, replies))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - _WINDOW_S:
            self._seen.popleft()
        then_s, sessions_then, replies_then = self._seen[0]
        passed = now_s - then_s
        if passed <= 0:
            return Rates()
        return Rates((sessions - sessions_then) / passed, (replies - replies_then) / passed)


def time_left(sessions: int, rates: Rates) -> float | None:
    """Seconds until *sessions* more have ended at this pace; None where there is none yet."""
    return sessions / rates.sessions if rates.sessions > 0 else None
