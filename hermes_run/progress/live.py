"""A sink that remembers what the statistics do not: who is waiting, and what failed last."""

from __future__ import annotations

from recorder.events import Event, ModelFailed, SessionEnded, seconds

_FAILED = ("model_error", "tool_error", "uncertain")


class Live:
    """Meant to stand behind a lossy buffer: an event that never comes leaves nothing behind.

    ``last_failure`` is what a model, a server or a tool said: hostile text.
    """

    def __init__(self) -> None:
        self.last_failure: str | None = None
        self._until: dict[str, float] = {}

    async def __call__(self, event: Event) -> None:
        """Take *event* in."""
        if isinstance(event, ModelFailed):
            self.last_failure = f"{event.session}: {event.failure}: {event.error}"
            self._until[event.session] = seconds(event.ts) + (event.wait_s or 0.0)
            return
        self._until.pop(event.session, None)
        if isinstance(event, SessionEnded) and event.outcome in _FAILED:
            said = event.error or event.reason
            self.last_failure = f"{event.session}: {event.outcome}: {said}"

    def waiting(self, now: float) -> int:
        """How many sessions pause before they ask again; *now* in seconds since the epoch."""
        self._until = {session: until for session, until in self._until.items() if until > now}
        return len(self._until)
