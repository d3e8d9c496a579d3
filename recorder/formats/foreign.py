"""Sessions of agents that were not recorded here, made from the turns that are left of them.

The turns become events and the events are folded, so that provenance is right: what the model said
is a reply, what a tool gave back has no status because no executor is known. All of it happened at
the epoch, since nobody knows when; the same row always gives the same session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TypeAlias

import msgspec

from recorder.errors import FormatError, MisuseError
from recorder.events import (
    Event,
    ModelReplied,
    Scored,
    SessionEnded,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    UserSpoke,
    timestamp,
    tools_hash,
)
from recorder.json_text import canonical
from recorder.messages import Json, Message, Outcome, ToolCall
from recorder.session import Session, fold
from recorder.shapes import object_of

EPOCH = timestamp(0)


class Reply(msgspec.Struct, frozen=True):
    """What a model said, as far as the row tells."""

    text: str | None = None
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    provider_state: Json = None
    flags: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True):
    """What a tool gave back; ``call_id`` is ``""`` where it is left out, None where it is null."""

    call_id: str | None = None
    output: Json = None


Turn: TypeAlias = Message | Reply | Result


class Header(msgspec.Struct, frozen=True):
    """What a row says beside its turns."""

    id: str
    tools: tuple[dict[str, Json], ...] = ()
    metadata: dict[str, Json] = {}
    prompt_index: int = 0
    sample: int = 0
    model: str = ""
    provider: str = ""
    rewards: dict[str, float | None] = {}
    outcome: Outcome | None = None
    reason: str = ""
    error: str | None = None


def session_of(header: Header, turns: Iterable[Turn]) -> Session:
    """Fold *turns* into a session; system and user messages before any other open it."""
    return fold(_events(header, list(turns)))


def identity(row: dict[str, Json]) -> str:
    """Name *row* by its ``id``, else by its content.

    Raises:
        FormatError: the row has no JSON form.
    """
    given = row.get("id")
    if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
        return str(given)
    try:
        return hashlib.sha256(canonical(row)).hexdigest()[:16]
    except MisuseError as error:
        raise FormatError(f"the row has no JSON form: {error}") from error


def metadata_of(row: dict[str, Json], known: Iterable[str]) -> dict[str, Json]:
    """Give what *row* says beside its *known* keys: its ``metadata`` and every other key."""
    own = row.get("metadata")
    used = {*known, "metadata"} if isinstance(own, dict) else {*known}
    return {**object_of(own), **{key: value for key, value in row.items() if key not in used}}


def _events(header: Header, turns: list[Turn]) -> Iterator[Event]:
    opening = _opening(turns)
    number = count()
    yield ToolsDeclared(
        session="", seq=0, ts=EPOCH, tools_hash=tools_hash(header.tools), tools=header.tools
    )
    yield SessionStarted(
        session=header.id,
        seq=next(number),
        ts=EPOCH,
        prompt_index=header.prompt_index,
        sample=header.sample,
        messages=opening,
        tools_hash=tools_hash(header.tools),
        model=header.model,
        provider=header.provider,
        metadata=header.metadata,
    )
    for turn in turns[len(opening) :]:
        yield _event(turn, header.id, next(number))
    yield from _ending(header, number)


def _opening(turns: list[Turn]) -> tuple[Message, ...]:
    """The system messages a row begins with, and the user's before anything else happens."""
    opening: list[Message] = []
    for turn in turns:
        if not isinstance(turn, Message) or turn.role not in _OPENING_ROLES:
            break
        if turn.role != "user" and any(message.role == "user" for message in opening):
            break
        opening.append(turn)
    return tuple(opening)


_OPENING_ROLES = ("system", "developer", "user")


def _event(turn: Turn, session: str, seq: int) -> Event:
    if isinstance(turn, Reply):
        return ModelReplied(session=session, seq=seq, ts=EPOCH, **msgspec.structs.asdict(turn))
    if isinstance(turn, Result):
        return ToolReturned(
            session=session, seq=seq, ts=EPOCH, call_id=turn.call_id, output=turn.output
        )
    return UserSpoke(
        session=session,
        seq=seq,
        ts=EPOCH,
        content=turn.content,
        origin=turn.origin,
        role=turn.role,
    )


def _ending(header: Header, number: Iterator[int]) -> Iterator[Event]:
    if header.rewards:
        yield Scored(
            session=header.id, seq=next(number), ts=EPOCH, rewards=header.rewards, source="row"
        )
    if header.outcome:
        yield SessionEnded(
            session=header.id,
            seq=next(number),
            ts=EPOCH,
            outcome=header.outcome,
            reason=header.reason,
            error=header.error,
        )
