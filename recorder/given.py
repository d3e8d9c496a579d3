"""Read what callers give into what is recorded: nothing is left out in silence, nothing shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from recorder.errors import MisuseError
from recorder.json_text import decode, encode
from recorder.messages import Json, Message, ToolCall
from recorder.shapes import is_deeper, object_of

DEEPEST = 128
"""How deeply a value may be nested: a reader with less stack left than the writer must cope."""

_ATOMS = (str, int, bool)


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
    calls = fields_of(Message, message).get("calls")
    return {**message, "calls": read_calls(calls)} if calls else message


def fields_of(kind: type[msgspec.Struct], value: Json) -> Mapping[Json, Json]:
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
    if document.count(b"[") + document.count(b"{") > DEEPEST:
        refuse_deeper(copy)
    return copy


def refuse_deeper(value: Json) -> None:
    """Refuse what no reader need cope with.

    Raises:
        MisuseError: more than :data:`DEEPEST` containers stand in one another.
    """
    if is_deeper(value, DEEPEST):
        raise MisuseError(f"a value is nested more than {DEEPEST} levels deep")


def read_schemas(tools: Sequence[Mapping[str, Json]]) -> tuple[dict[str, Json], ...]:
    """Read a list of tool schemas.

    Raises:
        MisuseError: it is none.
    """
    try:
        return msgspec.convert(plain(tools), tuple[dict[str, Json], ...])
    except msgspec.ValidationError as error:
        raise MisuseError(f"tools must be a list of JSON schemas: {error}") from error
