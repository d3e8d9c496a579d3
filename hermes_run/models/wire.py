"""Turns as the chat completions API wants them, each encoded once. Pure.

Source: OpenAI API reference, "Create chat completion", request body.
"""

from __future__ import annotations

from collections.abc import Sequence

from hermes_run.models.protocol import Request
from recorder.json_text import encode
from recorder.messages import Json, Message, text_of
from recorder.session import Step, Turn, pair


def encode_turn(turn: Turn) -> tuple[bytes, ...]:
    """Encode a turn: a message, or a reply followed by its results in the order of the calls."""
    if isinstance(turn, Message):
        return (encode({"role": turn.role, "content": turn.content}),)
    return (encode(_assistant(turn)), *map(encode, _results(turn)))


def system(*layers: str | None) -> tuple[bytes, ...]:
    """Encode one system message of all *layers* that say something."""
    said = [layer for layer in layers if layer]
    return (encode({"role": "system", "content": "\n\n".join(said)}),) if said else ()


def body(request: Request, *, stream: bool) -> bytes:
    """Write the request body; messages are copied as they were encoded."""
    rest: dict[str, Json] = {"model": request.model, **request.sampling, "stream": stream}
    if stream:
        rest["stream_options"] = {"include_usage": True}
    tools = b',"tools":' + request.tools if request.tools else b""
    return b'{"messages":[%b]%b,%b' % (b",".join(request.messages), tools, encode(rest)[1:])


class Transcript:
    """The encoded history of one session; each turn is encoded when it is first sent.

    ``layers`` come before the turns at every request and are never recorded as turns: text that is
    only there while asking, and prefilled messages.
    """

    def __init__(self, ephemeral: str | None = None, prefill: Sequence[Message] = ()) -> None:
        self._ephemeral = ephemeral
        self._prefill = tuple(part for message in prefill for part in encode_turn(message))
        self._encoded: list[bytes] = []
        self._turns = 0

    def extend(self, turns: Sequence[Turn]) -> tuple[bytes, ...]:
        """Encode what *turns* has beyond the last call, and give the whole history."""
        if not self._encoded:
            self._open(turns)
        for turn in turns[self._turns :]:
            self._encoded += encode_turn(turn)
        self._turns = len(turns)
        return tuple(self._encoded)

    def _open(self, turns: Sequence[Turn]) -> None:
        first = turns[0] if turns else None
        lasting = None
        if isinstance(first, Message) and first.role == "system":
            lasting = text_of(first.content)
            self._turns = 1
        self._encoded += [*system(lasting, self._ephemeral), *self._prefill]


def _assistant(step: Step) -> dict[str, Json]:
    reply = step.reply
    document: dict[str, Json] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        document["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in reply.calls
        ]
    elif reply.text is None:
        document["content"] = reply.refusal or ""
    if isinstance(reply.provider_state, dict):
        document.update(reply.provider_state)
    return document


def _results(step: Step) -> list[dict[str, Json]]:
    return [
        {"role": "tool", "tool_call_id": call.id, "content": text_of(result.output) or ""}
        for call, result in pair(step).pairs
        if result is not None
    ]
