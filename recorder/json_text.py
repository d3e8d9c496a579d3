"""JSON as records hold it: whatever Python can hold goes out, whatever JSON says comes in.

Strings may hold lone surrogates (models and tools produce them): they are escaped on the way out,
because UTF-8 has no form for them, and read back as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import msgspec

from recorder.errors import MisuseError
from recorder.messages import Json


def _as_base(value: Json) -> Json:
    """Write a string, number or mapping of somebody's own class (NumPy has such) as what it is."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Json, Json]", value))
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_as_base)
_sorted = msgspec.json.Encoder(order="sorted", enc_hook=_as_base)
_NO_NUMBERS: dict[str, None] = {}  # what NaN and the infinities become: null


def encode(value: Json) -> bytes:
    """Write *value* as compact JSON in UTF-8; lone surrogates are escaped, NaN becomes null.

    Raises:
        MisuseError: the value has no JSON form, or is nested too deeply to be read back.
    """
    return _write(_encoder, value)


def canonical(value: Json) -> bytes:
    """Write *value* so that equal values give equal bytes: compact, with sorted keys.

    Raises:
        MisuseError: see :func:`encode`.
    """
    return _write(_sorted, value)


def decode(content: bytes) -> Json:
    """Read one JSON document.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return _decode_loosely(content)


def _decode_loosely(content: bytes) -> Json:
    """Read what the fast path refuses: lone surrogates."""
    try:
        return json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _write(encoder: msgspec.json.Encoder, value: Json) -> bytes:
    try:
        return _encode(encoder, value)
    except (TypeError, ValueError, RecursionError) as error:
        raise MisuseError(f"this can't be written as JSON: {error}") from error


def _encode(encoder: msgspec.json.Encoder, value: Json) -> bytes:
    try:
        return encoder.encode(value)
    except UnicodeEncodeError:
        document = json.dumps(msgspec.to_builtins(value, enc_hook=_as_base))
        plain = json.loads(document, parse_constant=_NO_NUMBERS.get)
        is_sorted = encoder is _sorted
        return json.dumps(plain, separators=(",", ":"), sort_keys=is_sorted).encode()
