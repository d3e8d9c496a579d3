"""One session being recorded: the only way facts about it come into being."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

import anyio
import msgspec

from recorder.errors import MisuseError
from recorder.events import (
    Event,
    Fact,
    ModelReplied,
    Scored,
    SessionEnded,
    ToolReturned,
    ToolStarted,
    UserSpoke,
    birth,
    timestamp,
)
from recorder.messages import Effect, Json, Origin, Outcome, Status, Times, ToolCall, Usage
from recorder.session import Session, apply

Kind = TypeVar("Kind", bound=Fact)

_LASTING: tuple[Effect, ...] = ("workspace", "external")


class DurableSink(Protocol):
    """A sink that can say when everything it accepted is on disk."""

    async def __call__(self, event: Event, /) -> None:
        """Accept *event*."""
        ...

    async def durable(self) -> None:
        """Return when everything accepted so far is durable."""
        ...


class ReplyFields(TypedDict, total=False):
    """What a reply may carry; see :class:`~recorder.events.ModelReplied`."""

    text: str | None
    reasoning: str | None
    refusal: str | None
    provider_state: Json
    calls: Sequence[ToolCall | Mapping[str, Json]]
    finish_reason: str | None
    model: str | None
    response_id: str | None
    usage: Usage | Mapping[str, Json] | None
    times: Times | None
    token_ids: Sequence[int] | None
    logprobs: Sequence[float | None] | None


class ReturnFields(TypedDict, total=False):
    """What a result may carry besides its output; see :class:`~recorder.events.ToolReturned`."""

    status: Status
    bytes: int | None
    exit_code: int | None
    times: Times | None
    flags: tuple[str, ...]


class Recording:
    """A session and the sink its facts go to; ``session`` is what has been accepted so far.

    Several tasks may record at once: facts get their numbers in the order in which they are
    offered, and none counts before the sink has accepted it.
    """

    def __init__(self, session: Session, sink: DurableSink) -> None:
        self.session = session
        self._sink = sink
        self._turn = anyio.Lock()

    async def record(self, kind: type[Kind], **fields: Any) -> Kind:  # noqa: ANN401  # checked at birth
        """Record a fact of *kind*; the session has it when this returns.

        Raises:
            MisuseError: a field has the wrong shape, or the fact can't come now. Nothing is kept.
            JournalError: the record can't be written any more.
        """
        async with self._turn:
            session = self.session
            stamp = {"session": session.id, "seq": session.seq, "ts": timestamp(time.time())}
            event = birth(kind, {**fields, **stamp})
            changed = apply(session, event)
            await self._sink(event)
            self.session = changed
            return event

    async def durable(self) -> None:
        """Return when everything recorded so far is on disk."""
        await self._sink.durable()

    async def model_replied(self, **fields: Unpack[ReplyFields]) -> None:
        """Record a complete reply.

        Calls may be ``{"id", "name", "arguments"}`` or as the OpenAI chat format has them;
        arguments that are no string are written as JSON.
        """
        calls = tuple(_call(call) for call in fields.pop("calls", ()))
        await self.record(ModelReplied, **fields, calls=calls)

    async def tool_started(self, call_id: str, *, effect: Effect = "external") -> None:
        """Record that a call is about to run; returns when its effect may begin."""
        await self.record(ToolStarted, call_id=call_id, effect=effect)
        if effect in _LASTING:
            await self.durable()

    async def tool_returned(
        self, call_id: str, output: Json, **fields: Unpack[ReturnFields]
    ) -> None:
        """Record what a call gave back.

        Without a ``status`` nobody said how it went, and statistics judge by the text.
        """
        await self.record(ToolReturned, call_id=call_id, output=output, **fields)

    async def user_spoke(self, content: Json, *, origin: Origin = "user") -> None:
        """Record a later user turn."""
        await self.record(UserSpoke, content=content, origin=origin)

    async def scored(self, rewards: Mapping[str, float | None], *, source: str) -> None:
        """Record named rewards; ``None`` is "could not be scored"."""
        await self.record(Scored, rewards=dict(rewards), source=source)

    async def end(
        self, outcome: Outcome = "completed", *, reason: str = "", error: str | None = None
    ) -> None:
        """Record how the session ended; returns when all of it is on disk."""
        await self.record(SessionEnded, outcome=outcome, reason=reason, error=error)
        await self.durable()


def _call(call: ToolCall | Mapping[str, Json]) -> ToolCall:
    """Read a call in our own form or in that of OpenAI chat."""
    if isinstance(call, ToolCall):
        return call
    function = call.get("function") or call
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    try:
        return msgspec.convert(
            {"id": call.get("id") or "", "name": function.get("name"), "arguments": arguments},
            ToolCall,
        )
    except msgspec.ValidationError as error:
        raise MisuseError(f"this is no tool call: {call!r}: {error}") from error
