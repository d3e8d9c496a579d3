"""Turns as the chat completions API wants them, each encoded once. Pure.

Source: OpenAI API reference, "Create chat completion", request body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from hermes_run.config import Capture
from hermes_run.models.assemble import REASONING_FIELD, REASONING_FIELDS
from hermes_run.models.dialects.reading import NONE
from hermes_run.models.dialects.turns import in_text
from hermes_run.models.protocol import Request
from hermes_run.models.tokens import asked
from recorder.json_text import decode, encode
from recorder.messages import Json, Message, ToolCall, text_of
from recorder.shapes import object_of
from recorder.steps import Step, Turn, pair

_OURS = frozenset(("model", "messages", "tools", "stream", "stream_options"))
UNREADABLE = "unreadable"
"""Key under which arguments are sent back that are no JSON object; the record has them raw."""

_STREAM_OPTIONS = {"include_usage": True}


def encode_turn(turn: Turn) -> tuple[bytes, ...]:
    """Encode a turn: a message, or a reply followed by its results in the order of the calls."""
    if isinstance(turn, Message):
        return (_write(_message(turn)),)
    return (_write(_assistant(turn)), *map(_write, _results(turn)))


def system(*layers: str | None) -> tuple[bytes, ...]:
    """Encode one system message of all *layers* that say something."""
    said = [layer for layer in layers if layer]
    return (_write({"role": "system", "content": "\n\n".join(said)}),) if said else ()


def body(request: Request, *, stream: bool, capture: Capture | None = None) -> bytes:
    """Write the request body; messages are copied as they were encoded.

    ``capture`` is how the server is asked for the tokens of its reply.

    Raises:
        MisuseError: ``sampling`` holds what JSON has no form for.
    """
    fields = {"model": request.model, **_sampling(request), **asked(capture, stream=stream)}
    fields["stream"] = stream
    if stream:
        fields["stream_options"] = _STREAM_OPTIONS
    tools = b',"tools":' + request.tools if request.tools else b""
    return b'{"messages":[%b]%b,%b' % (b",".join(request.messages), tools, _write(fields)[1:])


def rest(request: Request, *, stream: bool, capture: Capture | None = None) -> dict[str, Json]:
    """Give the body without the model, the messages, and whether it is to be a stream."""
    fields = {**_sampling(request), **asked(capture, stream=stream)}
    if stream:
        fields["stream_options"] = _STREAM_OPTIONS
    if request.tools:
        fields["tools"] = decode(request.tools)
    return fields


def _sampling(request: Request) -> dict[str, Json]:
    return {key: value for key, value in request.sampling.items() if key not in _OURS}


class Transcript:
    """The encoded history of one session; each turn is encoded when it is first sent.

    *ephemeral* is system text and *prefill* are messages that are only there while asking: the
    one joins the session's lasting system text, the others come between it and the first turn.
    Neither is ever recorded. With a *dialect*, calls and their results are sent as text.
    """

    def __init__(
        self, ephemeral: str | None = None, prefill: Sequence[Message] = (), dialect: str = NONE
    ) -> None:
        self._ephemeral = ephemeral
        self._dialect = dialect
        self._prefill = self._encode(prefill)
        self._encoded: list[bytes] = []
        self._turns = 0

    def extend(self, turns: Sequence[Turn]) -> tuple[bytes, ...]:
        """Encode what *turns* has beyond the last call, and give the whole history.

        A turn must be complete when it is first given: a reply with all results of its calls.
        """
        if not self._turns and turns:
            self._open(turns[0])
        self._encoded += self._encode(turns[self._turns :])
        self._turns = len(turns)
        return tuple(self._encoded)

    def _encode(self, turns: Sequence[Turn]) -> tuple[bytes, ...]:
        sent = turns if self._dialect == NONE else in_text(turns, self._dialect)
        return tuple(part for turn in sent for part in encode_turn(turn))

    def _open(self, first: Turn) -> None:
        lasting = None
        if isinstance(first, Message) and first.role == "system":
            lasting = text_of(first.content)
            self._turns = 1
        self._encoded += [*system(lasting, self._ephemeral), *self._prefill]


def _message(message: Message) -> dict[str, Json]:
    """What has no content still needs the key; only text and parts are content."""
    content = message.content
    if not isinstance(content, str | list):
        content = text_of(content) or ""
    document: dict[str, Json] = {"role": message.role, "content": content}
    if message.name:
        document["name"] = message.name
    if message.calls:
        document["tool_calls"] = _calls(message.calls)
    if message.call_id is not None:
        document["tool_call_id"] = message.call_id
    return document


def _assistant(step: Step) -> dict[str, Json]:
    reply = step.reply
    document: dict[str, Json] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        document["tool_calls"] = _calls(reply.calls)
    elif reply.text is None:
        document["content"] = reply.refusal or ""
    return {**_provider_state(step), **document}


def _provider_state(step: Step) -> dict[str, Json]:
    """What the endpoint wants back beside the reply, under the names it used itself."""
    state = step.reply.provider_state
    if isinstance(state, list):
        return {"reasoning_details": state}
    fields = {key: value for key, value in object_of(state).items() if key != REASONING_FIELD}
    field = object_of(state).get(REASONING_FIELD)
    if field in REASONING_FIELDS:
        fields[field] = step.reply.reasoning or ""
    return fields


def _results(step: Step) -> list[dict[str, Json]]:
    """The results; a call that has none is left for the endpoint to complain of."""
    return [
        {"role": "tool", "tool_call_id": call.id, "content": text_of(result.output) or ""}
        for call, result in pair(step).pairs
        if result is not None
    ]


def _calls(calls: Iterable[ToolCall]) -> list[dict[str, Json]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _readable(call.arguments)},
        }
        for call in calls
    ]


def _readable(arguments: str) -> str:
    """Give arguments as every server takes them.

    Several (vLLM, SGLang) read those of the history as a JSON object and refuse the whole request
    where they are none: what was not run could never be told to the model.
    """
    if not arguments.strip():
        return "{}"
    try:
        is_object = isinstance(_strict.decode(arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    return arguments if is_object else json.dumps({UNREADABLE: arguments}, ensure_ascii=False)


def _refuse(constant: str) -> Json:
    """Refuse what Python takes for a number and JSON does not."""
    raise ValueError(f"{constant} is no JSON")


_strict = json.JSONDecoder(parse_constant=_refuse)


def _write(document: dict[str, Json]) -> bytes:
    """Encode *document*; a lone surrogate, which breaks servers' tokenizers, becomes ``?``."""
    encoded = encode(document)
    if b"\\ud" not in encoded:
        return encoded
    text = json.dumps(json.loads(encoded), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
