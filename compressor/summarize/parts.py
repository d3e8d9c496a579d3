"""Long records in parts: cut where a line ends, none longer than it may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compressor.plan import Counter

_CAUTION = 0.9


def packed(texts: Iterable[str], most_tokens: int, counter: Counter) -> list[str]:
    """Put *texts* together, in their order, into parts of at most about *most_tokens* tokens."""
    parts: list[str] = []
    part: list[str] = []
    room = most_tokens
    for text in _cut_up(texts, most_tokens, counter):
        count = counter.count(text) + 1
        if part and count > room:
            parts.append("\n".join(part))
            part, room = [], most_tokens
        part.append(text)
        room -= count
    return [*parts, "\n".join(part)] if part else parts


def _cut_up(texts: Iterable[str], most_tokens: int, counter: Counter) -> Iterator[str]:
    for text in texts:
        count = counter.count(text) + 1
        if count <= most_tokens:
            yield text
        else:
            yield from _pieces(text, max(1, int(len(text) * most_tokens / count * _CAUTION)))


def _pieces(text: str, chars: int) -> Iterator[str]:
    """Cut *text* about every *chars* characters, at the end of a line where one is near."""
    at = 0
    while at < len(text):
        end = at + chars
        if end < len(text):
            line_end = text.rfind("\n", at + chars // 2, end)
            end = line_end + 1 if line_end >= 0 else end
        yield text[at:end]
        at = end


def shortened(text: str, room_tokens: int, counter: Counter) -> str:
    """As much of the beginning of *text* as *room_tokens* hold, to the end of a sentence."""
    count = counter.count(text)
    if count <= room_tokens:
        return text
    while text and count > room_tokens:
        text = text[: min(len(text) - 1, int(len(text) * room_tokens / count))]
        count = counter.count(text)
    end = max(text.rfind(mark) for mark in ("\n", ". ", "! ", "? ", "。"))
    return text[: end + 1].rstrip() if end >= len(text) // 2 else text.rstrip()
