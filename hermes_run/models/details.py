"""OpenRouter's ``reasoning_details``: reasoning in entries, some of them opaque. Pure.

They are to be sent back as they came. A stream cuts an entry into pieces with the same ``type``
and ``index``, which must be one entry again: servers refuse the pieces.

Source: OpenRouter documentation, "Reasoning tokens", section "Preserving reasoning".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from recorder.messages import Json
from recorder.shapes import array_of, object_of

_TEXTS = ("text", "summary")
_LEVELS = 32


def merge(pieces: Sequence[Json]) -> list[Json]:
    """Put neighbouring pieces of one entry together; what has no ``index`` stays as it is."""
    merged: list[Json] = []
    for _, group in groupby(enumerate(pieces), key=_entry):
        entries = [piece for _, piece in group]
        merged.append(_join(entries) if len(entries) > 1 else entries[0])
    return merged


def readable(details: Sequence[Json]) -> str | None:
    """Give the part of *details* that can be read, an entry after the other."""
    texts: list[str] = []
    for detail in details:
        fields = object_of(detail)
        shown = fields.get("text") or fields.get("summary")
        if isinstance(shown, str):
            texts.append(shown)
    return "\n".join(texts) or None


def is_plain(value: Json, levels: int = _LEVELS) -> bool:
    """Whether *value* is nested so little that every reader of the record can hold it."""
    parts = [*object_of(value).values(), *array_of(value)]
    return levels > 0 and all(is_plain(part, levels - 1) for part in parts)


def _entry(numbered: tuple[int, Json]) -> tuple[str, Json]:
    """What the pieces of one entry have in common; what is opaque stands alone."""
    number, piece = numbered
    fields = object_of(piece)
    index, kind = fields.get("index"), fields.get("type")
    if isinstance(index, int) and isinstance(kind, str) and "data" not in fields:
        return kind, index
    return "", (number,)


def _join(pieces: list[dict[str, Json]]) -> dict[str, Json]:
    joined: dict[str, Json] = {}
    for piece in pieces:
        joined.update({key: value for key, value in piece.items() if value is not None})
    for key in _TEXTS:
        texts = [text for piece in pieces if isinstance(text := piece.get(key), str)]
        if texts:
            joined[key] = "".join(texts)
    return joined
