"""The record for agents that are not async: the same calls, made from an ordinary thread."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Unpack

from anyio.from_thread import BlockingPortal, start_blocking_portal

from recorder.messages import Effect, Json, Message, Origin, Outcome
from recorder.opening import open_record
from recorder.record import Record
from recorder.recording import Opening, Recording, ReplyFields, ReturnFields
from recorder.session import Session
from recorder.settings import DEFAULTS, JournalSettings


class BlockingRecording:
    """A :class:`~recorder.recording.Recording` whose calls block."""

    def __init__(self, recording: Recording, portal: BlockingPortal) -> None:
        self._recording = recording
        self._portal = portal

    @property
    def session(self) -> Session:
        """What has been accepted so far."""
        return self._recording.session

    def model_replied(self, **fields: Unpack[ReplyFields]) -> None:
        """Record a complete reply."""
        self._portal.call(partial(self._recording.model_replied, **fields))

    def tool_started(self, call_id: str, *, effect: Effect = "external") -> None:
        """Record that a call is about to run; returns when its effect may begin."""
        self._portal.call(partial(self._recording.tool_started, call_id, effect=effect))

    def tool_returned(self, call_id: str, output: Json, **fields: Unpack[ReturnFields]) -> None:
        """Record what a call gave back."""
        self._portal.call(partial(self._recording.tool_returned, call_id, output, **fields))

    def user_spoke(self, content: Json, *, origin: Origin = "user") -> None:
        """Record a later user turn."""
        self._portal.call(partial(self._recording.user_spoke, content, origin=origin))

    def scored(self, rewards: Mapping[str, float | None], *, source: str) -> None:
        """Record named rewards."""
        self._portal.call(partial(self._recording.scored, rewards, source=source))

    def end(
        self, outcome: Outcome = "completed", *, reason: str = "", error: str | None = None
    ) -> None:
        """Record how the session ended; returns when all of it is on disk."""
        self._portal.call(partial(self._recording.end, outcome, reason=reason, error=error))

    def durable(self) -> None:
        """Return when everything recorded so far is on disk."""
        self._portal.call(self._recording.durable)


class BlockingRecord:
    """A :class:`~recorder.record.Record` whose calls block; made by :func:`open_sync`.

    Several threads may use it at once.
    """

    def __init__(self, record: Record, portal: BlockingPortal) -> None:
        self._record = record
        self._portal = portal

    @contextmanager
    def session(
        self,
        prompt: str | Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> Generator[BlockingRecording]:
        """Record one session; see :meth:`recorder.record.Record.session`."""
        session = self._record.session(prompt, tools, **opening)
        with self._portal.wrap_async_context_manager(session) as recording:
            yield BlockingRecording(recording, self._portal)


@contextmanager
def open_sync(
    directory: str | Path, run: str | None = None, settings: JournalSettings = DEFAULTS
) -> Generator[BlockingRecord]:
    """Begin the record of a run, for code that is not async; see :func:`recorder.open`."""
    with start_blocking_portal() as portal:
        record = open_record(directory, run, settings)
        with portal.wrap_async_context_manager(record) as opened:
            yield BlockingRecord(opened, portal)
