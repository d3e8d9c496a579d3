"""One session being recorded: the only way facts about it come into being."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

import anyio

from recorder.events import (
    Event,
    Known,
    ModelReplied,
    Scored,
    SessionEnded,
    ToolReturned,
    ToolStarted,
    UserSpoke,
    birth,
    timestamp,
)
from recorder.given import fields_of, plain, read_calls
from recorder.messages import (
    LASTING,
    Effect,
    Json,
    Origin,
    Outcome,
    Status,
    Times,
    ToolCall,
    Usage,
)
from recorder.session import Growing, Session, apply, fold

Kind = TypeVar("Kind", bound=Known)


class Ledger(Protocol):
    """Where the facts of a session go: first to what must not lose them, then to all others."""

    async def accept(self, event: Event, /) -> None:
        """Take *event* for good; or raise, and it never happened."""
        ...

    async def settle(self, event: Event, /) -> None:
        """Do the rest for an event that was accepted, whatever comes of it."""
        ...

    async def durable(self) -> None:
        """Return when everything accepted so far is durable."""
        ...

    async def kept(self) -> None:
        """Return when everything accepted so far is durable, which nobody is in a hurry for."""
        ...

    async def writable(self) -> None:
        """Return when the disk has room, as far as is known."""
        ...


class Opening(TypedDict, total=False):
    """What a session may begin with besides its prompt; see ``SessionStarted``."""

    id: str
    prompt_key: str
    prompt_index: int
    row_hash: str
    sample: int
    toolsets: Sequence[str]
    draw_seed: str | None
    run_tools: Sequence[str]
    sandbox: str
    model: str
    provider: str
    sampling: Mapping[str, Json]
    metadata: Mapping[str, Json]
    flags: Sequence[str]


class ReplyFields(TypedDict, total=False):
    """What a reply may carry; see :class:`~recorder.events.ModelReplied`."""

    text: str | None
    reasoning: str | None
    refusal: str | None
    provider_state: Json
    calls: Sequence[ToolCall | Mapping[str, Json]] | None
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
    """A session and the ledger its facts go to; ``session`` is what has been accepted so far.

    Several tasks may record at once: facts get their numbers in the order in which they are
    offered, and none counts before the ledger has accepted it.
    """

    def __init__(self, session: Session, ledger: Ledger) -> None:
        self.session = session
        self._ledger = ledger
        self._turn = anyio.Lock(fast_acquire=True)

    async def record(self, kind: type[Kind], **fields: Any) -> Kind:  # noqa: ANN401  # checked at birth
        """Record a fact of *kind*; the session has it when this returns.

        Where this is cancelled, ``session`` tells whether the fact was recorded.

        Raises:
            MisuseError: a field has the wrong shape, or the fact can't come now. Nothing is kept.
            JournalError: the record can't be written any more.
        """
        async with self._turn:
            event, changed = _next(self.session, kind, fields)
            await self._ledger.accept(event)
            # From here on it is a fact, whoever raises: a second one with its number would be none.
            self.session = changed
            await self._ledger.settle(event)
            return event

    async def record_all(self, kind: type[Kind], facts: Sequence[Mapping[str, Any]]) -> None:
        """Record *facts* of *kind* without a pause between them, so that they are written as one.

        Raises:
            MisuseError: one has the wrong shape, or can't come now. Nothing is kept.
            JournalError: the record can't be written any more.
        """
        async with self._turn:
            before, accepted = self.session, 0
            growing, events = Growing(before), list[Kind]()
            for seq, fields in enumerate(facts, start=before.seq):
                events.append(_born(before.id, seq, kind, fields))
                growing.add(events[-1])
            try:
                for event in events:
                    await self._ledger.accept(event)
                    accepted += 1
            finally:
                is_whole = accepted == len(events)
                self.session = growing.session() if is_whole else fold(events[:accepted], before)
            for event in events:
                await self._ledger.settle(event)

    async def durable(self) -> None:
        """Return when everything recorded so far is on disk."""
        await self._ledger.durable()

    async def kept(self) -> None:
        """Return when everything recorded so far is on disk, and nothing waits for that."""
        await self._ledger.kept()

    async def writable(self) -> None:
        """Return when what happens next can be recorded: at once, unless the disk is full.

        Raises:
            JournalError: the record can't be written any more.
        """
        await self._ledger.writable()

    async def model_replied(self, **fields: Unpack[ReplyFields]) -> None:
        """Record a complete reply.

        Calls may be ``{"id", "name", "arguments"}`` or as the OpenAI chat format has them;
        arguments that are no string are written as JSON.

        Raises:
            MisuseError: a field has the wrong shape, or no reply can come now.
            JournalError: the record can't be written any more.
        """
        others: dict[str, Any] = {**fields}
        others["calls"] = read_calls(others.get("calls") or ())
        for name, kind in (("usage", Usage), ("times", Times)):
            fields_of(kind, others.get(name))
        await self.record(ModelReplied, **others)

    async def tool_started(self, call_id: str, *, effect: Effect = "external") -> None:
        """Record that a call is about to run; returns when its effect may begin."""
        await self.record(ToolStarted, call_id=call_id, effect=effect)
        if effect in LASTING:
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
        """Record named rewards; ``None`` (and NaN) is "could not be scored"."""
        await self.record(Scored, rewards=rewards, source=source)

    async def end(
        self, outcome: Outcome = "completed", *, reason: str = "", error: str | None = None
    ) -> None:
        """Record how the session ended; returns when all of it is on disk."""
        await self.record(SessionEnded, outcome=outcome, reason=reason, error=error)
        await self.kept()


def _next(session: Session, kind: type[Kind], fields: Mapping[str, Any]) -> tuple[Kind, Session]:
    """Make the next fact about *session*; gives it, and the session with it."""
    event = _born(session.id, session.seq, kind, fields)
    return event, apply(session, event)


def _born(name: str, seq: int, kind: type[Kind], fields: Mapping[str, Any]) -> Kind:
    stamp = {"session": name, "seq": seq, "ts": timestamp(time.time())}
    return birth(kind, {name: plain(value) for name, value in fields.items()} | stamp)
