"""Events: facts about one session, past tense, frozen and validated at birth.

One event is one JSON object; ``event`` is its tag. Every event has ``session``, ``seq`` (0, 1, 2
... within the session) and ``ts``. Facts about a segment rather than a session
(:class:`SegmentOpened`, :class:`ToolsDeclared`) carry an empty ``session``.

No key is called ``type``, ``message`` or ``payload``, and timestamps have exactly three decimals:
Hugging Face ``datasets`` guesses other meanings into those.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from math import modf
from typing import TypeAlias, TypeVar

import msgspec

from recorder.errors import MisuseError
from recorder.json_text import canonical
from recorder.messages import (
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

SCHEMA = 1
"""Version of the event format, written in the first line of every segment."""

CRASHED = "crashed"
"""How an attempt ended of which nothing says how."""

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def timestamp(seconds: float) -> str:
    """Write *seconds* since the epoch as UTC with exactly three decimals.

    They are rounded to microseconds first, as ``datetime`` does, and then cut.
    """
    fraction, whole = modf(seconds)
    carried, microseconds = divmod(round(fraction * 1e6), 1_000_000)
    return f"{_second(int(whole) + carried)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """Write whole seconds; thousands of facts fall into one."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def seconds(ts: str) -> float:
    """Seconds since the epoch of a timestamp as :func:`timestamp` writes it."""
    return datetime.fromisoformat(ts).timestamp()


def between(began: str, ended: str) -> float:
    """Seconds from one moment to another, none where the clock was set back meanwhile."""
    return max(0.0, seconds(ended) - seconds(began))


def tools_hash(tools: tuple[dict[str, Json], ...]) -> str:
    """Name a list of tool schemas by its content: SHA-256 of its canonical JSON, 16 hex digits."""
    return hashlib.sha256(canonical(tools)).hexdigest()[:16]


def _tag(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Fact(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="event",
    tag=_tag,
):
    """What all events share: whose fact it is, its place in that session, and when it was noted."""

    session: str
    seq: int
    ts: str

    def __post_init__(self) -> None:
        """Refuse a place or a time that no reader could order by."""
        if self.seq < 0:
            raise ValueError("seq must be 0 or more")
        if not _TIMESTAMP.fullmatch(self.ts):
            raise ValueError("ts must look like 2026-11-22T17:00:00.000Z")


class SegmentOpened(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The first line of a journal segment."""

    schema: int
    run: str
    writer: str
    sync: str
    version: str


class ToolsDeclared(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The full JSON schemas behind a ``tools_hash``, once in a segment before it is referred to."""

    tools_hash: str
    tools: tuple[dict[str, Json], ...]


class SessionStarted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """What the session was asked to do, with what.

    ``run_tools`` names the tools that sessions of the run may have, where this one lacks some.
    """

    prompt_key: str = ""
    prompt_index: int = 0
    row_hash: str = ""
    sample: int = 0
    messages: tuple[Message, ...] = ()
    tools_hash: str = ""
    toolsets: tuple[str, ...] = ()
    draw_seed: str | None = None
    run_tools: tuple[str, ...] = ()
    sandbox: str = ""
    model: str = ""
    provider: str = ""
    sampling: dict[str, Json] = {}
    metadata: dict[str, Json] = {}
    flags: tuple[str, ...] = ()


class ModelFailed(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt that gave no usable reply; ``wait_s`` is the pause before the next, in seconds.

    ``parked_s`` is the pause that the endpoint asked for where that is longer than a session waits.
    """

    attempt: int
    failure: str
    error: str = ""
    wait_s: float | None = None
    parked_s: float | None = None
    request_id: str | None = None
    usage: Usage | None = None


class ModelReplied(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A complete reply, as the model wrote it.

    The prompt of a reply whose tokens were captured begins with the first ``prompt_kept`` of the
    tokens of the last one that was (its prompt and its ``token_ids``, one after the other), and
    goes on with ``prompt_token_ids``: see :func:`recorder.tokens.prompts`.
    """

    text: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    provider_state: Json = None
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    model: str | None = None
    response_id: str | None = None
    usage: Usage | None = None
    times: Times | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float | None, ...] | None = None
    prompt_kept: int = 0
    prompt_token_ids: tuple[int, ...] | None = None
    origin: Origin = "model"
    flags: tuple[str, ...] = ()


class ToolStarted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A call is about to run: accepted before the effect, durable before an effect that counts."""

    call_id: str
    effect: Effect
    attempt: int = 1


class ToolReturned(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """What a call gave back; ``bytes`` is the output's size before it was cut.

    ``status`` is ``None`` in records of foreign agents, where no executor said how it went.
    """

    call_id: str | None = None
    status: Status | None = None
    output: Json = None
    bytes: int | None = None
    exit_code: int | None = None
    times: Times | None = None
    flags: tuple[str, ...] = ()


class UserSpoke(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A later turn that is not the model's; ``origin`` says whether a person or the harness."""

    content: Json
    origin: Origin = "user"
    role: str = "user"
    flags: tuple[str, ...] = ()


class Scored(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Named rewards and who gave them; ``None`` is "could not be scored", which is not zero."""

    rewards: dict[str, float | None]
    source: str


class SessionResumed(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The session goes on in attempt number ``attempt``.

    ``previous`` is how the last attempt ended: an outcome, or ``crashed`` where nothing says.
    ``anew`` means that it begins again with the turns it was started with; ``drift`` names the
    settings that are not those it was started with.
    """

    attempt: int
    previous: str
    anew: bool = False
    drift: tuple[str, ...] = ()


class SessionEnded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing more happens unless the session is resumed."""

    outcome: Outcome
    reason: str = ""
    error: str | None = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a later version, kept as it was read."""

    event: str
    session: str
    seq: int
    ts: str
    raw: bytes


Known: TypeAlias = (
    SegmentOpened
    | ToolsDeclared
    | SessionStarted
    | ModelFailed
    | ModelReplied
    | ToolStarted
    | ToolReturned
    | UserSpoke
    | Scored
    | SessionResumed
    | SessionEnded
)
Event: TypeAlias = Known | Unknown


Kind = TypeVar("Kind", bound=Fact)


def birth(kind: type[Kind], fields: dict[str, Json]) -> Kind:
    """Make an event of *kind* from *fields*, checking each against its declared type.

    Raises:
        MisuseError: a field is missing, unknown or of the wrong type.
    """
    surplus = fields.keys() - set(kind.__struct_fields__)
    if surplus:
        raise MisuseError(f"{kind.__name__} has no field {', '.join(sorted(surplus))}")
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise MisuseError(f"{kind.__name__}: {error}") from error
