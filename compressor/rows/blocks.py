"""The blocks in ``gpt`` and ``tool`` values: where they are, and another content for one.

What :mod:`recorder.formats` can read is read as it reads it. A value that it can't is one piece,
because a plan has to count it and may leave it alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, takewhile

import msgspec

from compressor.rows.fields import result_in, skip
from compressor.rows.judging import is_failure
from compressor.trajectory import Piece
from recorder.formats.embedding import decode_at, embed, spell
from recorder.formats.markup import (
    CALL,
    END_RESPONSE,
    END_THINK,
    RESPONSE,
    THINK,
    shield,
)


class Block(msgspec.Struct, frozen=True):
    """A result in a ``tool`` value: where it begins, and what it says.

    ``first`` to ``last`` is what another content replaces: with a ``seam`` around it all that is
    between the tags, without one what an object there holds as its result. ``end`` is where the
    closing tag begins; ``is_json`` says that JSON is all there is before it.
    """

    begin: int
    first: int
    last: int
    end: int
    text: str
    failed: bool
    seam: str = "\n"
    is_json: bool = True


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
        yield Piece(block.text, "result", block.failed, markup)


def blocks(value: str) -> list[Block]:
    """Find the results in a ``tool`` value; one without markup, or with broken, is one result."""
    found: list[Block] = []
    at = skip(value, 0)
    while value.startswith(RESPONSE, at):
        block = _json_block(value, at) or _plain_block(value, at, value.find(END_RESPONSE, at))
        if block is None:
            break
        found.append(block)
        at = _behind(value, block)
    return found if found and at == len(value) else _broken(value, found)


def _broken(value: str, found: list[Block]) -> list[Block]:
    """Divide a value whose tags don't fit: text in a block may hold tags that are none.

    Blocks of JSON are what they are; the last closing tag ends the one with the text.
    """
    last = value.rfind(END_RESPONSE)
    sure = list(takewhile(lambda block: block.is_json, found))
    for kept in (sure, []):
        at = _behind(value, kept[-1]) if kept else skip(value, 0)
        closed = value.startswith(RESPONSE, at) and skip(value, last + len(END_RESPONSE))
        if closed == len(value) and (block := _plain_block(value, at, last)):
            return [*kept, block]
    return [Block(0, 0, len(value), len(value), value, is_failure(value), is_json=False)]


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
    return f"{block.seam}{shield(embed(text))}{block.seam}" if block.first else text


def _behind(value: str, block: Block) -> int:
    return skip(value, block.end + len(END_RESPONSE))


def _json_block(value: str, at: int) -> Block | None:
    """The block at *at* if it holds one JSON value, as the recorder writes them."""
    first = at + len(RESPONSE)
    begin = skip(value, first)
    if found := result_in(value, begin):
        held, end = found
        last = skip(value, end)
        failed = held.failed or is_failure(held.text)
        block = Block(at, held.first, held.last, last, held.text, failed, "")
    else:
        try:
            content, end = decode_at(value, begin)
        except (ValueError, ArithmeticError, RecursionError):
            return None
        last = skip(value, end)
        text = content if isinstance(content, str) else spell(content)
        block = Block(at, first, last, last, text, is_failure(text))
    return block if value.startswith(END_RESPONSE, last) else None


def _plain_block(value: str, at: int, last: int) -> Block | None:
    """The block from *at* to *last* with text in it, as other writers make them."""
    first = at + len(RESPONSE)
    if last < first:
        return None
    text = value[first:last].strip()
    return Block(at, first, last, last, text, is_failure(text), is_json=False)
