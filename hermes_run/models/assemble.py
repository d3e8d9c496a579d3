"""Put a reply together from the chunks of a stream. Pure and incremental.

Servers differ: reasoning comes as ``reasoning_content`` (DeepSeek, vLLM, Qwen), ``reasoning`` or
``reasoning_details`` (OpenRouter, newer vLLM); calls come whole or in pieces, without ids, with
repeated ids or with one index for all. What the model wrote is kept as it came; only missing or
repeated call ids are replaced, because results are matched by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hermes_run.models.protocol import Reply
from recorder.json_text import encode
from recorder.messages import Json, ToolCall, Usage


class _Draft(msgspec.Struct):
    """A call while its pieces arrive."""

    index: int | None
    id: str
    name: str
    arguments: list[str]


class Assembly:
    """A reply while its chunks arrive.

    ``content`` says whether the last chunk brought something the model wrote, which is what a
    silence is measured from; ``finished`` whether the server said that the reply is complete.
    """

    def __init__(self) -> None:
        self.content = False
        self.error: Json = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._details: list[Json] = []
        self._drafts: list[_Draft] = []
        self._finish: str | None = None
        self._model: str | None = None
        self._id: str | None = None
        self._usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """Whether a finish reason has come."""
        return self._finish is not None

    @property
    def empty(self) -> bool:
        """Whether the model wrote nothing at all."""
        written = (self._text, self._reasoning, self._refusal, self._details, self._drafts)
        return not any(written)

    @property
    def usage(self) -> Usage | None:
        """The usage the server gave, if any came yet."""
        return self._usage

    def add(self, chunk: Json) -> None:
        """Take one decoded chunk, or a whole completion with ``message`` for ``delta``."""
        self.content = False
        if not isinstance(chunk, dict):
            return
        self.error = chunk.get("error") or self.error
        self._model = _text(chunk.get("model")) or self._model
        self._id = _text(chunk.get("id")) or self._id
        self._usage = read_usage(chunk.get("usage")) or self._usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            self._choose(choice)

    def reply(self) -> Reply:
        """Give the reply as it stands."""
        return Reply(
            text="".join(self._text) if self._text else None,
            reasoning="".join(self._reasoning) or _details_text(self._details),
            refusal="".join(self._refusal) or None,
            provider_state={"reasoning_details": self._details} if self._details else None,
            calls=_with_ids(self._drafts),
            finish_reason=self._finish,
            model=self._model,
            response_id=self._id,
            usage=self._usage,
        )

    def _choose(self, choice: dict[str, Json]) -> None:
        self._finish = _text(choice.get("finish_reason")) or self._finish
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._extend(delta)

    def _extend(self, delta: dict[str, Json]) -> None:
        if piece := _text(delta.get("content")):
            self._text.append(piece)
        if piece := _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")):
            self._reasoning.append(piece)
        if piece := _text(delta.get("refusal")):
            self._refusal.append(piece)
        details, calls = delta.get("reasoning_details"), delta.get("tool_calls")
        if isinstance(details, list):
            self._details += details
        if isinstance(calls, list):
            for call in calls:
                self._call(call)
        self.content = any(delta.get(key) for key in _WRITTEN)

    def _call(self, piece: Json) -> None:
        if not isinstance(piece, dict):
            return
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name = _text(piece.get("id")) or "", _text(function.get("name")) or ""
        index = piece.get("index")
        draft = self._draft(index if isinstance(index, int) else None, call_id, name)
        draft.id = draft.id or call_id
        draft.name = draft.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            draft.arguments.append(arguments)
        elif arguments is not None:
            draft.arguments.append(encode(arguments).decode())

    def _draft(self, index: int | None, call_id: str, name: str) -> _Draft:
        """Find the call a piece belongs to, or begin a new one."""
        known = self._drafts[-1] if index is None and self._drafts else None
        if index is not None:
            known = next((d for d in reversed(self._drafts) if d.index == index), None)
        if known is None or _begins_another(known, call_id, name):
            known = _Draft(index, "", "", [])
            self._drafts.append(known)
        return known


_WRITTEN = (
    "content",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "refusal",
    "tool_calls",
)


def _begins_another(draft: _Draft, call_id: str, name: str) -> bool:
    """Whether a piece under the same index is a call of its own.

    It is one if it brings another id, or a name without an id after arguments have come.
    """
    if call_id:
        return bool(draft.id) and call_id != draft.id
    return bool(name and draft.name and draft.arguments)


def _with_ids(drafts: Sequence[_Draft]) -> tuple[ToolCall, ...]:
    """Give every call an id that no other call of the reply has."""
    taken: set[str] = set()
    calls: list[ToolCall] = []
    for position, draft in enumerate(drafts):
        call_id, number = draft.id, position
        while not call_id or call_id in taken:
            call_id, number = f"call_{number}", number + 1
        taken.add(call_id)
        calls.append(ToolCall(call_id, draft.name, "".join(draft.arguments)))
    return tuple(calls)


def _details_text(details: list[Json]) -> str | None:
    """The readable part of OpenRouter's ``reasoning_details``."""
    texts = [_text(d.get("text")) or _text(d.get("summary")) for d in details if isinstance(d, dict)]
    return "".join(text for text in texts if text) or None


def read_usage(usage: Json) -> Usage | None:
    """Read token counts in the dialects of OpenAI, DeepSeek and OpenRouter."""
    if not isinstance(usage, dict):
        return None
    prompt: Any = usage.get("prompt_tokens_details") or {}
    completion: Any = usage.get("completion_tokens_details") or {}
    cached = _count(prompt, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens")
    cost = usage.get("cost")
    return Usage(
        input=_count(usage, "prompt_tokens"),
        output=_count(usage, "completion_tokens"),
        cached=cached,
        reasoning=_count(completion, "reasoning_tokens"),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )


def _count(counts: Json, key: str) -> int:
    value = counts.get(key) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
