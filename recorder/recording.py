"""One session being recorded: the only way facts about it come into being."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, cast

import anyio
import msgspec

from recorder.errors import MisuseError
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
from recorder.json_text import decode, encode
from recorder.messages import (
    LASTING,
    Effect,
    Json,
    Message,
    Origin,
    Outcome,
    Status,
    Times,
    ToolCall,
    Usage,
)
from recorder.session import Session, apply
from recorder.shapes import array_of, object_of

Kind = TypeVar("Kind", bound=Known)

DEEPEST = 128
"""How deeply a value may be nested: a reader with less stack left than the writer must cope."""

_ATOMS = (str, int, bool)


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


class Opening(TypedDict, total=False):
    """What a session may begin with besides its prompt; see ``SessionStarted``."""

    id: str
    prompt_key: str
    prompt_index: int
    row_hash: str
    sample: int
    toolsets: Sequence[str]
    draw_seed: str | None
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
            session = self.session
            stamp = {"session": session.id, "seq": session.seq, "ts": timestamp(time.time())}
            event = birth(kind, {name: plain(value) for name, value in fields.items()} | stamp)
            changed = apply(session, event)
            await self._ledger.accept(event)
            # From here on it is a fact, whoever raises: a second one with its number would be none.
            self.session = changed
            await self._ledger.settle(event)
            return event

    async def durable(self) -> None:
        """Return when everything recorded so far is on disk."""
        await self._ledger.durable()

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
            _fields(kind, others.get(name))
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
        await self.durable()


def read_calls(calls: Iterable[Json]) -> tuple[ToolCall, ...]:
    """Read calls in our own form or in that of OpenAI chat.

    Raises:
        MisuseError: one is neither.
    """
    try:
        return tuple(call if isinstance(call, ToolCall) else _read_call(call) for call in calls)
    except TypeError as error:
        raise MisuseError(f"these are no tool calls: {calls!r:.200}: {error}") from error


def _read_call(call: Json) -> ToolCall:
    fields = object_of(plain(call))
    function = object_of(fields.get("function")) or fields
    arguments = function.get("arguments", "")
    try:
        return msgspec.convert(
            {
                "id": fields.get("id") or "",
                "name": function.get("name"),
                "arguments": arguments
                if isinstance(arguments, str)
                else encode(arguments).decode(),
            },
            ToolCall,
        )
    except msgspec.ValidationError as error:
        raise MisuseError(f"this is no tool call: {call!r:.200}: {error}") from error


def whole(messages: Iterable[Json]) -> list[Json]:
    """Give *messages*, which are messages or mappings with the same fields and nothing more.

    Raises:
        MisuseError: they are no messages, or one has a key that would not be recorded.
    """
    try:
        given = list(messages)
    except TypeError as error:
        raise MisuseError(f"these are no messages: {messages!r:.200}: {error}") from error
    return [_whole_message(message) for message in given]


def _whole_message(message: Json) -> Json:
    calls = _fields(Message, message).get("calls")
    return {**message, "calls": read_calls(calls)} if calls else message


def _fields(kind: type[msgspec.Struct], value: Json) -> Mapping[Json, Json]:
    """Give the fields of *value* if it is a mapping; each must be one that a *kind* keeps.

    Raises:
        MisuseError: there is one that would be left out in silence.
    """
    if not isinstance(value, Mapping):
        return {}
    fields = cast("Mapping[Json, Json]", value)
    surplus = {str(key) for key in fields} - set(kind.__struct_fields__)
    if surplus:
        raise MisuseError(
            f"a {kind.__name__} can't have {', '.join(sorted(surplus))}: "
            f"the fields of {kind.__module__}.{kind.__name__} are "
            f"{', '.join(kind.__struct_fields__)}"
        )
    return fields


def plain(value: Json) -> Json:
    """Copy *value* as a reader of the journal will get it, so that nobody can change it later.

    Raises:
        MisuseError: it has no JSON form, or is nested too deeply.
    """
    if value is None or type(value) in _ATOMS:
        return value
    document = encode(value)
    copy = decode(document)
    if document.count(b"[") + document.count(b"{") > DEEPEST and _is_deeper(copy, DEEPEST):
        raise MisuseError(f"a value is nested more than {DEEPEST} levels deep")
    return copy


def _is_deeper(value: Json, levels: int) -> bool:
    """Whether more than *levels* containers stand in one another; looks level by level."""
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _containers(outer)]
    return bool(level)


def _containers(value: Json) -> list[Json]:
    inside = object_of(value).values() or array_of(value)
    return [inner for inner in inside if isinstance(inner, dict | list)]
