"""Put a reply together from the chunks of a stream, or from a whole completion. Pure.

Servers differ: reasoning comes as ``reasoning_content`` (DeepSeek, vLLM, Qwen), ``reasoning`` and
``reasoning_details`` (OpenRouter, newer vLLM), or as parts of the content (Mistral); usage at the
end, in every chunk, in the choice or under a name of its own (``x_groq``). What the model wrote is
kept as it came.

Source: OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

from hermes_run.models.calls import Drafts
from hermes_run.models.details import is_plain, merge, readable
from hermes_run.models.pieces import join
from hermes_run.models.protocol import Reply
from hermes_run.models.tokens import Tokens
from hermes_run.models.usage import read_usage
from recorder.messages import Json, Usage
from recorder.shapes import array_of, object_of, text_in

REASONING_FIELD = "reasoning_field"
"""Key in a reply's provider state: the field that its reasoning came in, and goes back in."""

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""Fields that servers send reasoning in; the first that says something counts."""


class Assembly:
    """A reply while its chunks arrive.

    ``wrote`` says whether the last chunk brought something the model wrote, which is what a
    silence is measured from; ``begun`` whether the server has started on a reply at all; ``error``
    is what it reported instead of one; ``finish_reason`` and ``usage`` are what it last gave.
    """

    def __init__(self) -> None:
        self.wrote = False
        self.begun = False
        self.error: Json = None
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self._is_whole = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._details: list[Json] = []
        self._calls = Drafts()
        self._tokens = Tokens()
        self._field: str | None = None
        self._model: str | None = None
        self._id: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the server said that the reply is complete."""
        return self._is_whole or self.finish_reason is not None

    @property
    def empty(self) -> bool:
        """Whether the model wrote nothing at all."""
        written = (self._text, self._reasoning, self._refusal, self._details, self._calls)
        return not any(written)

    def add(self, chunk: Json) -> None:
        """Take one decoded chunk, or a whole completion with ``message`` for ``delta``.

        Raises:
            MisuseError: arguments that came as JSON are nested too deeply to be written.
        """
        self.wrote = False
        fields = object_of(chunk)
        self.error = self.error or fields.get("error")
        if fields.get("object") == "error":  # how vLLM reported errors before it had an object
            self.error = self.error or fields
        self._model = text_in(fields.get("model")) or self._model
        self._id = text_in(fields.get("id")) or self._id
        if "usage" in fields:
            self.usage = read_usage(fields["usage"]) or self.usage
        for choice in array_of(fields.get("choices")):
            self._choose(object_of(choice))
        if "prompt_token_ids" in fields:
            self._tokens.add_prompt(fields["prompt_token_ids"])
        if "sglext" in fields:
            self._tokens.add_extension(fields["sglext"])
        if "x_groq" in fields:
            self.usage = self.usage or read_usage(object_of(fields["x_groq"]).get("usage"))

    def reply(self) -> Reply:
        """Give the reply as it stands."""
        storable = is_plain(self._details)
        details = merge(self._details) if storable else []
        return Reply(
            text=join(self._text) if self._text else None,
            reasoning=join(self._reasoning) or readable(details),
            refusal=join(self._refusal) or None,
            provider_state=self._state(details),
            calls=self._calls.calls(),
            finish_reason=self.finish_reason,
            model=self._model,
            response_id=self._id,
            usage=self.usage,
            flags=(*(() if storable else ("provider_state_dropped",)), *self._tokens.flags),
            token_ids=self._tokens.ids,
            logprobs=self._tokens.logprobs,
            prompt_token_ids=self._tokens.prompt,
        )

    def _state(self, details: list[Json]) -> dict[str, Json] | None:
        """What to send back with the reply; DeepSeek insists on its reasoning beside calls."""
        if details:
            return {"reasoning_details": details}
        return {REASONING_FIELD: self._field} if self._field and self._calls else None

    def _choose(self, fields: dict[str, Json]) -> None:
        """Take the first choice; several are never asked for, and would run into each other."""
        index = fields.get("index")
        if not fields or (isinstance(index, int) and index > 0):
            return
        self.begun = True
        self.error = self.error or fields.get("error")
        if "usage" in fields:
            self.usage = read_usage(fields["usage"]) or self.usage
        self.finish_reason = text_in(fields.get("finish_reason")) or self.finish_reason
        ids, logprobs = fields.get("token_ids"), fields.get("logprobs")
        if ids or logprobs:
            self.wrote = self._tokens.add(ids, logprobs) or self.wrote
        if "prompt_token_ids" in fields:
            self._tokens.add_prompt(fields["prompt_token_ids"])
        delta, message = object_of(fields.get("delta")), object_of(fields.get("message"))
        if delta:
            self._extend(delta)
        elif message and self.empty:
            self._is_whole = True
            self._extend(message)

    def _extend(self, delta: dict[str, Json]) -> None:
        content = delta.get("content")
        if isinstance(content, str):
            self._write(self._text, content)
        elif content:
            for part in array_of(content):
                self._take_part(object_of(part))
        if "refusal" in delta:
            self._write(self._refusal, delta["refusal"])
        for field in REASONING_FIELDS:
            if delta.get(field):
                self._field = field
                self._write(self._reasoning, delta[field])
                break
        details, calls = delta.get("reasoning_details"), delta.get("tool_calls")
        if details or calls:
            self._take_lists(array_of(details), array_of(calls))

    def _write(self, where: list[str], written: Json) -> None:
        if isinstance(written, str) and written:
            self.wrote = True
            where.append(written)

    def _take_part(self, part: dict[str, Json]) -> None:
        """Take a content part; Mistral's are ``text``, and ``thinking`` with parts of its own."""
        self._write(self._text, part.get("text"))
        thought = part.get("thinking")
        self._write(self._reasoning, thought)
        for inner in array_of(thought):
            self._write(self._reasoning, object_of(inner).get("text"))

    def _take_lists(self, details: list[Json], calls: list[Json]) -> None:
        self.wrote = self.wrote or bool(details or calls)
        self._details += details
        take = self._calls.add_whole if self._is_whole else self._calls.add
        for call in calls:
            take(call)
