"""The values a conversation is made of.

Everything here is frozen and free of I/O. A field typed :data:`Json` holds whatever the model, the
tool or the input row held; nothing is coerced on the way in, so nothing can be lost.
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias, cast

import msgspec

Json: TypeAlias = Any
"""Any value that JSON can hold."""

Origin: TypeAlias = Literal["dataset", "user", "harness", "model"]
"""Who put a turn into the conversation; ``harness`` turns are synthetic."""

Status: TypeAlias = Literal["ok", "error", "timeout", "invalid", "skipped", "cancelled", "unknown"]
"""How a tool call ended, as its executor saw it (``unknown``: nobody saw it)."""

Effect: TypeAlias = Literal["pure", "read", "workspace", "external"]
"""What running a tool may change: nothing, nothing, its own workspace, the world."""

LASTING: tuple[Effect, ...] = ("workspace", "external")
"""Effects that are there after a crash: a call that has one is on disk before it runs."""

Outcome: TypeAlias = Literal[
    "completed", "limit", "refused", "model_error", "tool_error", "interrupted", "uncertain"
]
"""How a session ended."""


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call as the model wrote it.

    ``arguments`` is the raw string: it may be broken JSON, and is kept as it came.
    """

    id: str = ""
    name: str = ""
    arguments: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A turn that a session begins with, or one that is neither a reply nor a tool result.

    ``content`` is a string, or a list of content parts as the OpenAI chat format has them. The
    fields below ``origin`` are only used by assistant and tool messages of a given history.
    """

    role: str
    content: Json = None
    origin: Origin = "dataset"
    name: str | None = None
    calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    call_id: str | None = None


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply or of a whole session; ``input`` includes ``cached``.

    ``cost_usd`` is ``None`` where no price is known. ``estimated`` says that the endpoint gave no
    figures and these were counted.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost_usd: float | None = None
    estimated: bool = False


def add_usage(one: Usage, other: Usage) -> Usage:
    """Sum two usages; a cost is known as soon as one of them is."""
    return Usage(
        one.input + other.input,
        one.output + other.output,
        one.cached + other.cached,
        one.reasoning + other.reasoning,
        _cost(one.cost_usd, other.cost_usd),
        one.estimated or other.estimated,
    )


def _cost(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one if other is None else one + other


def text_of(content: Json, image: str = "[image]") -> str | None:
    """Flatten *content* to one string: text parts joined by newlines, *image* for each picture.

    ``None`` stays ``None``; what is neither text nor parts is written as JSON.
    """
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        return _as_json(content)
    return "\n".join(_part(part, image) for part in cast("list[Json]", content))


PICTURES = ("image_url", "image", "input_image")
"""Types of content parts that are pictures."""


def _part(part: Json, image: str) -> str:
    fields = cast("dict[str, Json]", part) if isinstance(part, dict) else {}
    text = fields.get("text")
    if isinstance(text, str):
        return text
    if fields.get("type") in PICTURES:
        return image
    return part if isinstance(part, str) else _as_json(part)


def _as_json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


class Times(msgspec.Struct, frozen=True, omit_defaults=True):
    """When something started, gave its first token (replies only) and finished, in UTC."""

    started: str = ""
    first_token: str | None = None
    finished: str = ""
