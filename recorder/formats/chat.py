"""Read rows of OpenAI chat messages, whoever wrote them.

A row is ``{"messages", "tools"}``; ``prompt`` is the first user turn where the messages have none,
and every other key is metadata. Reasoning is taken from ``reasoning``, else ``reasoning_content``,
else the texts of ``reasoning_details``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast, get_args

from recorder.errors import FormatError
from recorder.formats.embedding import dump, flat
from recorder.formats.foreign import (
    Header,
    Reply,
    Result,
    Turn,
    identity,
    metadata_of,
    session_of,
)
from recorder.formats.turns import SYSTEM_ROLES
from recorder.messages import Json, Message, Origin, ToolCall
from recorder.session import Session

_KNOWN = ("id", "messages", "tools", "prompt")
_SYNTHETIC = ("You've reached the maximum number of tool-calling iterations allowed.",)
"""How user messages begin that a harness is known to write in the user's place."""


def parse(row: dict[str, Json]) -> Session:
    """Read a row of chat messages.

    Raises:
        FormatError: it has neither messages nor a prompt, or one of them has the wrong shape.
    """
    if row.get("messages") is None and row.get("prompt") is None:
        raise FormatError('a messages row needs "messages", a list, or "prompt"')
    said = [turn for n, m in enumerate(_list(row, "messages")) for turn in _turns(m, n)]
    header = Header(identity(row), _tools(row), metadata_of(row, _KNOWN))
    return session_of(header, _with_prompt(said, row.get("prompt")))


def _list(row: dict[str, Json], key: str) -> list[Json]:
    value = row.get(key)
    if not isinstance(value, list | None):
        raise FormatError(f"{key!r} is no list")
    return cast("list[Json]", value) or []


def _tools(row: dict[str, Json]) -> tuple[dict[str, Json], ...]:
    """The tool schemas, given as a list or as JSON text of one."""
    given = row.get("tools")
    if isinstance(given, str):
        try:
            row = {"tools": json.loads(given) if given.strip() else None}
        except (ValueError, RecursionError) as error:
            raise FormatError(f'"tools" is no JSON: {error}') from error
    tools = _list(row, "tools")
    if not all(isinstance(tool, dict) for tool in tools):
        raise FormatError('"tools" holds something that is no object')
    return tuple(cast("list[dict[str, Json]]", tools))


def _with_prompt(turns: list[Turn], prompt: Json) -> list[Turn]:
    """Put *prompt* behind the system messages, unless the user speaks somewhere."""
    spoken = any(isinstance(turn, Message) and turn.role == "user" for turn in turns)
    if prompt is None or spoken:
        return turns
    place = 0
    while place < len(turns) and _is_system(turns[place]):
        place += 1
    return [*turns[:place], Message("user", prompt), *turns[place:]]


def _is_system(turn: Turn) -> bool:
    return isinstance(turn, Message) and turn.role in SYSTEM_ROLES


def _turns(message: Json, index: int) -> Iterator[Turn]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise FormatError(f'message {index} is no {{"role", "content"}}')
    fields = cast("dict[str, Json]", message)
    role, content = fields["role"], fields.get("content")
    if role == "assistant":
        yield _reply(fields, index)
    elif role == "tool":
        yield Result(_id(fields.get("tool_call_id", "")), content)
    else:
        name = fields.get("name")
        yield Message(role, content, _origin(fields), name if isinstance(name, str) else None)


def _origin(fields: dict[str, Json]) -> Origin:
    """Who spoke: what the message says, else the harness where its words are known."""
    given, content = fields.get("origin"), fields.get("content")
    if given in get_args(Origin):
        return given
    synthetic = isinstance(content, str) and content.startswith(_SYNTHETIC)
    return "harness" if synthetic else "dataset"


def _reply(fields: dict[str, Json], index: int) -> Reply:
    content, refusal = fields.get("content"), fields.get("refusal")
    return Reply(
        text=None if content is None else flat(content),
        reasoning=_reasoning(fields) or None,
        calls=tuple(_calls(fields, index)),
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        provider_state=fields.get("reasoning_details"),
        flags=("prefill",) if fields.get("_thinking_prefill") else (),
    )


def _reasoning(fields: dict[str, Json]) -> str:
    """The first of the three fields that says something."""
    details = fields.get("reasoning_details")
    parts = cast("list[Json]", details) if isinstance(details, list) else []
    texts = [_detail(part) for part in parts]
    sources = (
        flat(fields.get("reasoning")),
        flat(fields.get("reasoning_content")),
        "\n".join(filter(None, texts)),
    )
    return next((source for source in sources if source.strip()), "")


def _detail(part: Json) -> str:
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    found = part.get("text") or part.get("summary")
    return found if isinstance(found, str) else ""


def _calls(fields: dict[str, Json], index: int) -> Iterator[ToolCall]:
    """The tool calls of a message; some agents leave null entries in the list."""
    calls = fields.get("tool_calls") or []
    if not isinstance(calls, list):
        raise FormatError(f'the "tool_calls" of message {index} are no list')
    for call in cast("list[Json]", calls):
        if call is None:
            continue
        if not isinstance(call, dict):
            raise FormatError(f"message {index} has a tool call that is no object")
        yield _call(cast("dict[str, Json]", call))


def _call(call: dict[str, Json]) -> ToolCall:
    inner = call.get("function")
    function = cast("dict[str, Json]", inner) if isinstance(inner, dict) else call
    arguments, name = function.get("arguments", ""), function.get("name")
    return ToolCall(
        _id(call.get("id")) or "",
        name if isinstance(name, str) else "",
        arguments if isinstance(arguments, str) else dump(arguments),
    )


def _id(value: Json) -> str | None:
    return value if isinstance(value, str | None) else dump(value)
