"""A turn as OpenAI's chat completions API sends it: one JSON object, or server-sent events.

A stream goes as a hosted model's does: the role, the reasoning in pieces (``reasoning_content``, as
DeepSeek, vLLM and Qwen have it), the text in pieces, each call's name and then its arguments in
pieces, the finish reason, the usage if it was asked for, ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from hermes_run.models.simulated.request import Request, usage_of
from hermes_run.models.simulated.steps import Turn
from recorder.messages import Usage

MODEL = "simulated"
PIECE = 24
DONE = b"data: [DONE]\n\n"

encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True):
    """A turn with what the wire adds to it: an id, a time (seconds since 1970) and its usage."""

    turn: Turn
    id: str
    created: int
    usage: Usage


def reply_to(request: Request, turn: Turn, created: int) -> Reply:
    """Make the reply to a request."""
    written = turn.text + "".join(call.name + call.arguments for call in turn.calls)
    usage = usage_of(request, turn.reasoning, written)
    return Reply(turn=turn, id=f"chatcmpl-{request.mark}", created=created, usage=usage)


def completion(reply: Reply) -> bytes:
    """Write a reply as one JSON object."""
    calls = [
        {"id": call_id(reply, index), "type": "function", "function": msgspec.to_builtins(call)}
        for index, call in enumerate(reply.turn.calls)
    ]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.turn.text or None,
        "reasoning_content": reply.turn.reasoning,
    }
    choice = {
        "index": 0,
        "message": {**message, "tool_calls": calls} if calls else message,
        "logprobs": None,
        "finish_reason": finish_reason(reply),
    }
    return encode({**frame(reply, "chat.completion"), "choices": [choice], "usage": usage(reply)})


def chunks(reply: Reply, *, include_usage: bool) -> Iterator[bytes]:
    """Write a reply as server-sent events, one at a time."""
    top = frame(reply, "chat.completion.chunk")
    for delta in deltas(reply):
        yield event({**top, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    last: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": finish_reason(reply)}
    yield event({**top, "choices": [last]})
    if include_usage:
        yield event({**top, "choices": [], "usage": usage(reply)})
    yield DONE


def deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    """Cut a reply into the deltas of a stream."""
    yield {"role": "assistant", "content": ""}
    yield from ({"reasoning_content": piece} for piece in pieces(reply.turn.reasoning))
    yield from ({"content": piece} for piece in pieces(reply.turn.text))
    yield from chain.from_iterable(
        call_deltas(reply, index) for index in range(len(reply.turn.calls))
    )


def call_deltas(reply: Reply, index: int) -> Iterator[dict[str, Any]]:
    """Cut a call into deltas: id and name, then its arguments."""
    call = reply.turn.calls[index]
    named = {"name": call.name, "arguments": ""}
    opening = {"index": index, "id": call_id(reply, index), "type": "function", "function": named}
    yield {"tool_calls": [opening]}
    for piece in pieces(call.arguments):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def pieces(text: str) -> list[str]:
    """Cut a text into pieces, several wherever it has more than one character."""
    size = max(1, min(PIECE, -(-len(text) // 2)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def frame(reply: Reply, kind: str) -> dict[str, Any]:
    """Give what every object of a reply begins with."""
    return {"id": reply.id, "object": kind, "created": reply.created, "model": MODEL}


def call_id(reply: Reply, index: int) -> str:
    """Name a call of a reply."""
    return f"call_{reply.id.removeprefix('chatcmpl-')}_{index}"


def finish_reason(reply: Reply) -> str:
    """Say why a reply ends."""
    return "tool_calls" if reply.turn.calls else "stop"


def usage(reply: Reply) -> dict[str, Any]:
    """Write the usage of a reply."""
    spent = reply.usage
    return {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
        "prompt_tokens_details": {"cached_tokens": spent.cached},
        "completion_tokens_details": {"reasoning_tokens": spent.reasoning},
    }


def event(value: dict[str, Any]) -> bytes:
    """Write one server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def refusal(message: str, kind: str, code: str) -> bytes:
    """Write an error as the API does."""
    return encode({"error": {"message": message, "type": kind, "param": None, "code": code}})
