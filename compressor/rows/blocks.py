"""The blocks in ``gpt`` and ``tool`` values: where they are, and another content for one.

What :mod:`recorder.formats` can read is read as it reads it. A value that it can't is one piece,
because a plan has to count it and may leave it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from compressor.rows.judging import is_failure
from compressor.trajectory import Piece
from recorder.formats.embedding import decode_at, dump, embed, spell
from recorder.formats.markup import (
    CALL,
    END_RESPONSE,
    END_THINK,
    RESPONSE,
    THINK,
    shield,
)
from recorder.messages import Json
from recorder.shapes import object_of

_SPACE = re.compile(r"\s*")


class Block(msgspec.Struct, frozen=True):
    """A result in a ``tool`` value: where it and its inside begin, where that ends, what it holds.

    ``envelope`` is the object around the content, without it; None where there is none.
    """

    begin: int
    first: int
    last: int
    text: str
    envelope: dict[str, Json] | None


def said(value: str) -> Iterator[Piece]:
    """Divide a ``gpt`` value into reasoning, text and calls, markup included."""
    end = value.find(END_THINK) + len(END_THINK)
    if not value.startswith(THINK) or end < len(END_THINK):
        end = 0
    start = value.find(CALL, end)
    start = len(value) if start < 0 else start
    if end:
        yield Piece(value[:end], "reasoning")
    if end < start:
        yield Piece(value[end:start])
    while start < len(value):
        following = value.find(CALL, start + len(CALL))
        following = len(value) if following < 0 else following
        yield Piece(value[start:following], "call")
        start = following


def told(value: str) -> Iterator[Piece]:
    """Divide a ``tool`` value into the contents of its results."""
    found = blocks(value)
    begins = [0, *(block.begin for block in found[1:]), len(value)]
    for block, (first, after) in zip(found, pairwise(begins), strict=True):
        markup = value[first:after] if block.text is not value else None
        yield Piece(block.text, "result", is_failure(block.text), markup)


def blocks(value: str) -> list[Block]:
    """Find the results in a ``tool`` value; one without markup, or with broken, is one result."""
    found: list[Block] = []
    at = _skip(value, 0)
    while value.startswith(RESPONSE, at):
        block = _json_block(value, at) or _plain_block(value, at)
        if block is None:
            break
        found.append(block)
        at = _skip(value, block.last + len(END_RESPONSE))
    return found if found and at == len(value) else [Block(0, 0, len(value), value, None)]


def rewrite(value: str, texts: dict[int, str]) -> str:
    """Put *texts* in the place of the contents of these results, so that they read back as these.

    A new content is written as the recorder writes one: JSON in which nothing is taken for markup.
    """
    found, end, parts = blocks(value), 0, list[str]()
    for number, block in enumerate(found):
        if number in texts:
            parts += (value[end : block.first], _inside(block, texts[number]))
            end = block.last
    return "".join((*parts, value[end:]))


def _inside(block: Block, text: str) -> str:
    if block.first == 0:
        return text
    if block.envelope is None:
        return f"\n{shield(embed(text))}\n"
    fields = {**block.envelope, "content": ""}
    body = ", ".join(
        f"{dump(key)}: {embed(text) if key == 'content' else dump(one)}"
        for key, one in fields.items()
    )
    return f"\n{shield('{' + body + '}')}\n"


def _json_block(value: str, at: int) -> Block | None:
    """The block at *at* if it holds one JSON value, as the recorder writes them."""
    first = at + len(RESPONSE)
    try:
        held, end = decode_at(value, _skip(value, first))
    except (ValueError, ArithmeticError, RecursionError):
        return None
    last = _skip(value, end)
    if not value.startswith(END_RESPONSE, last):
        return None
    envelope = object_of(held)
    if "content" not in envelope:
        return Block(at, first, last, _text(held), None)
    content = envelope.pop("content")
    return Block(at, first, last, _text(content), envelope)


def _plain_block(value: str, at: int) -> Block | None:
    """The block at *at* with text in it, as other writers make them."""
    first = at + len(RESPONSE)
    last = value.find(END_RESPONSE, first)
    return None if last < 0 else Block(at, first, last, value[first:last].strip(), None)


def _text(content: Json) -> str:
    return content if isinstance(content, str) else spell(content)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
