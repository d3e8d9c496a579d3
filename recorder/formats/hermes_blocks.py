"""The inside of ``gpt`` and ``tool`` values: reasoning, text, calls and responses."""

from __future__ import annotations

import re

import msgspec

from recorder.errors import FormatError
from recorder.formats.embedding import decode_at, spell
from recorder.formats.markup import (
    CALL,
    END_CALL,
    END_RESPONSE,
    END_THINK,
    RESPONSE,
    THINK,
    restore,
)
from recorder.messages import Json
from recorder.shapes import object_of
from recorder.thinking import is_framed

_SPACE = re.compile(r"\s*")


class Written(msgspec.Struct, frozen=True):
    """A ``gpt`` value taken apart; a call is its id (or ``""``), its name and its raw arguments."""

    reasoning: str | None
    text: str
    calls: tuple[tuple[str, str, str], ...]


class Response(msgspec.Struct, frozen=True):
    """One response; ``call_id`` is ``""`` where it is left out, None where it is null."""

    call_id: str | None
    name: str | None
    content: Json


def read_reply(value: str) -> Written:
    """Take a ``gpt`` value apart.

    Raises:
        FormatError: a call can't be read, or text follows the calls.
    """
    inside, rest = _head(value)
    start = rest.find(CALL)
    calls = _calls(rest, start) if start >= 0 else ()
    body = rest[:start].removesuffix("\n") if start >= 0 else rest
    if inside is None:
        return Written(None, restore(body), calls)
    if is_framed(inside) and body[:1] in ("", "\n"):
        return Written(restore(inside[1:-1]) or None, restore(body[1:]), calls)
    return Written(None, f"{THINK}{restore(inside)}{END_THINK}{restore(body)}", calls)


def _head(value: str) -> tuple[str | None, str]:
    """The inside of the reasoning block, if the value begins with one, and what follows it."""
    end = value.find(END_THINK)
    if not value.startswith(THINK) or end < 0:
        return None, value
    return value[len(THINK) : end], value[end + len(END_THINK) :]


def _calls(text: str, at: int) -> tuple[tuple[str, str, str], ...]:
    calls: list[tuple[str, str, str]] = []
    while at < len(text):
        found, at = _block(text, at, CALL, END_CALL)
        call = object_of(found)
        if not isinstance(call.get("name"), str):
            raise FormatError("a <tool_call> holds no object with a name")
        raw, given = call.get("arguments", ""), call.get("id")
        arguments = raw if isinstance(raw, str) else spell(raw)
        calls.append((given if isinstance(given, str) else "", call["name"], arguments))
    return tuple(calls)


def _block(text: str, at: int, opening: str, closing: str) -> tuple[Json, int]:
    """Read the JSON in a block that begins at *at*; give it and where the next block begins."""
    if not text.startswith(opening, at):
        raise FormatError(f"text stands after a {closing}")
    try:
        value, end = decode_at(text, _skip(text, at + len(opening)))
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise FormatError(f"the JSON in a {opening} can't be read: {error}") from error
    end = _skip(text, end)
    if not text.startswith(closing, end):
        raise FormatError(f"a {opening} holds more than one JSON value, or is not closed")
    return value, _skip(text, end + len(closing))


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def read_responses(value: str) -> tuple[Response, ...]:
    """Take a ``tool`` value apart; one without markup is the content of one response.

    Raises:
        FormatError: a block is not closed, or text stands between blocks.
    """
    at = _skip(value, 0)
    if not value.startswith(RESPONSE, at):
        return (Response("", None, value),)
    responses: list[Response] = []
    while at < len(value):
        found, at = _response(value, at)
        responses.append(found)
    return tuple(responses)


def _response(value: str, at: int) -> tuple[Response, int]:
    try:
        found, after = _block(value, at, RESPONSE, END_RESPONSE)
    except FormatError:
        return _plain(value, at)
    response = object_of(found)
    if "content" not in response:
        return Response("", None, found), after
    call_id, name = response.get("tool_call_id", ""), response.get("name")
    known = call_id is None or isinstance(call_id, str)
    return Response(
        call_id if known else spell(call_id),
        name if isinstance(name, str) else None,
        response["content"],
    ), after


def _plain(value: str, at: int) -> tuple[Response, int]:
    """Read a block that holds text, as other writers make them."""
    end = value.find(END_RESPONSE, at)
    if end < 0 or not value.startswith(RESPONSE, at):
        raise FormatError(f"a {RESPONSE} is not closed, or text stands between two of them")
    content = value[at + len(RESPONSE) : end].strip()
    return Response("", None, content), _skip(value, end + len(END_RESPONSE))
