"""JSON inside a trajectory: written as ``json.dumps(value, ensure_ascii=False)`` writes it.

Text that looks like JSON is embedded as JSON where reading and writing it changes nothing but
whitespace and the spelling of numbers and escapes. Duplicate keys, NaN, numbers that lose digits or
are too long to be read, and nesting no reader is sure to take stay a string.
"""

from __future__ import annotations

import json
from decimal import Decimal
from json.encoder import encode_basestring  # the C one, where there is one
from math import inf, isfinite
from typing import NoReturn

from recorder.errors import FormatError
from recorder.formats.markup import whole
from recorder.messages import Json, text_of
from recorder.shapes import is_deeper

DEPTH = 100
"""How deep embedded JSON may be nested; any reader takes this much."""

_loose = json.JSONEncoder(ensure_ascii=False)
_exact = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class _LossyError(ValueError):
    """Reading this document would lose something."""


def dump(value: Json) -> str:
    """Write *value* as JSON, spaces after ``,`` and ``:``, no escapes but those JSON needs.

    Raises:
        FormatError: it has no JSON form, or is nested too deeply.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    try:
        return _exact.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"this can't be written as JSON: {error}") from error


def spell(value: Json) -> str:
    """Write *value* as :func:`dump` does, NaN and infinities by their names.

    Raises:
        FormatError: it has no such form, or is nested too deeply.
    """
    try:
        return _loose.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"this can't be written as JSON: {error}") from error


def flat(content: Json) -> str:
    """Give *content* as one string, empty for nothing, pictures as ``[image]``.

    Raises:
        FormatError: a part of it has no JSON form.
    """
    if isinstance(content, str):
        return whole(content)
    try:
        return whole(text_of(content) or "")
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"this content can't be written as text: {error}") from error


def looks_like_json(text: str) -> bool:
    """Say whether *text* begins like a JSON object or array."""
    return text.lstrip()[:1] in ("{", "[")


def embed(text: str) -> str:
    """Write *text* as the JSON it holds (an object or array) where that loses nothing, else quoted.

    The result starts with ``{`` or ``[`` in the first case and with a quote in the second.
    """
    if looks_like_json(text):
        value = read(text)
        if value is not None:
            return whole(_exact.encode(value))
    return encode_basestring(whole(text))


def embed_value(value: Json) -> str:
    """Write *value* as JSON, or as the quoted text of itself where JSON does not allow it.

    Raises:
        FormatError: it has no text either.
    """
    if isinstance(value, str):
        return embed(value)
    text = spell(value)
    plain = isinstance(value, int | None) or (isinstance(value, float) and isfinite(value))
    return text if plain else embed(text)


def read(text: str) -> dict[str, Json] | list[Json] | None:
    """Read the JSON object or array in *text*, or nothing if that would lose something."""
    try:
        value = _strict.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    if text.count("{") + text.count("[") > DEPTH and is_deeper(value, DEPTH):
        return None
    return value


def decode_at(text: str, at: int) -> tuple[Json, int]:
    """Read the JSON value that begins at *at*; give it and where it ends.

    Raises:
        ValueError, ArithmeticError, RecursionError: reading it is impossible or would lose
            something.
    """
    return _strict.raw_decode(text, at)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _LossyError("a key stands twice")
    return found


def _float(text: str) -> float:
    value = float(text)
    if repr(value) != text and (value in (inf, -inf) or Decimal(text) != Decimal(repr(value))):
        raise _LossyError("a number loses digits")
    return value


def _constant(text: str) -> NoReturn:
    raise _LossyError(f"{text} is no JSON")


_strict = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
