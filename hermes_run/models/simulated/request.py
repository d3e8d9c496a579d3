"""A chat completion request as the policy needs it, and its weight in tokens.

The source of the format is OpenAI's chat completions API. What the policy does not use is ignored,
so that any client may send it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from hermes_run.models.simulated.results import joined_parts
from recorder.messages import Json, Usage

BYTES_A_TOKEN = 4
MESSAGE_TOKENS = 4
CACHE_BLOCK = 16
FRAME_TOKENS = 3


class Named(msgspec.Struct, frozen=True):
    """The name of a function."""

    name: str


class AskedCall(msgspec.Struct, frozen=True):
    """A call in an assistant message."""

    id: str | None = None


class AskedMessage(msgspec.Struct, frozen=True):
    """A message of the conversation."""

    role: str
    content: Json = None
    tool_calls: list[AskedCall] | None = None
    tool_call_id: str | None = None


class Offered(msgspec.Struct, frozen=True):
    """A tool the request offers."""

    function: Named


class StreamOptions(msgspec.Struct, frozen=True):
    """What to add to a stream."""

    include_usage: bool = False


class Body(msgspec.Struct, frozen=True):
    """The body of a request, its messages not read yet: their weight is that of their bytes."""

    messages: list[msgspec.Raw]
    tools: list[msgspec.Raw] | None = None
    tool_choice: Json = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None


class Request(msgspec.Struct, frozen=True):
    """A request: the conversation, the tools' names, how to answer.

    ``input_tokens`` weighs the whole prompt and ``cached_tokens`` what the request before it had
    sent already; ``mark`` is a number made of the messages.
    """

    messages: tuple[AskedMessage, ...]
    tools: frozenset[str]
    stream: bool
    include_usage: bool
    input_tokens: int
    cached_tokens: int
    mark: str


MESSAGE = msgspec.json.Decoder(AskedMessage)
OFFERED = msgspec.json.Decoder(Offered)
BODY = msgspec.json.Decoder(Body)


def read(content: bytes) -> Request:
    """Read the body of a request.

    Raises:
        ValueError: it is not JSON, or not a chat completion request.
    """
    try:
        return read_body(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
    # Half a surrogate pair, which a tool's output may hold, is beyond msgspec but not beyond json.
    whole: Any = json.loads(content)
    return read_body(json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace"))


def read_body(content: bytes) -> Request:
    """Read a body that is strict UTF-8 and JSON."""
    body = BODY.decode(content)
    messages = tuple(MESSAGE.decode(raw) for raw in body.messages)
    if not messages:
        raise ValueError("messages is empty")
    offered = frozenset(OFFERED.decode(raw).function.name for raw in body.tools or [])
    options = body.stream_options or StreamOptions()
    weights = [weigh(raw) for raw in body.messages]
    tool_weight = sum(weigh(raw) for raw in body.tools or [])
    replies = [index for index, message in enumerate(messages) if message.role == "assistant"]
    cached = tool_weight + sum(weights[: replies[-1]]) if replies else 0
    return Request(
        messages=messages,
        tools=frozenset() if body.tool_choice == "none" else offered,
        stream=bool(body.stream),
        include_usage=options.include_usage,
        input_tokens=FRAME_TOKENS + tool_weight + sum(weights),
        cached_tokens=cached - cached % CACHE_BLOCK,
        mark=mark(body.messages),
    )


def weigh(raw: msgspec.Raw) -> int:
    """Estimate the tokens of a message or a tool schema: four bytes of JSON are about one."""
    return MESSAGE_TOKENS + len(memoryview(raw)) // BYTES_A_TOKEN


def mark(messages: list[msgspec.Raw]) -> str:
    """Make a number that tells conversations apart."""
    digest = hashlib.blake2b(digest_size=12)
    for raw in messages:
        digest.update(raw)
    return digest.hexdigest()


def text_of(message: AskedMessage) -> str:
    """Give the text of a message, whether it is a string or a list of parts."""
    return joined_parts(message.content)


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text that is written."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def usage_of(request: Request, reasoning: str, written: str) -> Usage:
    """Make the usage of a reply that thought *reasoning* and gave *written* as text and calls."""
    thought = count_tokens(reasoning)
    return Usage(
        input=request.input_tokens,
        output=thought + count_tokens(written),
        cached=request.cached_tokens,
        reasoning=thought,
    )
