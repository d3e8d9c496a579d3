"""JSON rows whose numbers keep their spelling: ``1.10`` stays ``1.10``. Pure."""

from __future__ import annotations

import msgspec

from recorder import json_text
from recorder.errors import MisuseError
from recorder.messages import Json


class Spelled(float):
    """A number with a point or an exponent, and how the row spells it."""

    text: str


def decode(content: bytes) -> Json:
    """Read one row.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return json_text.decode(content)


def encode(row: Json) -> bytes:
    """Write one row as compact JSON.

    Raises:
        ValueError: it can't be written.
    """
    try:
        return _encoder.encode(row)
    except (TypeError, ValueError, RecursionError):
        return _encode_loosely(row)


def _encode_loosely(row: Json) -> bytes:
    """Write what the fast path refuses: lone surrogates."""
    try:
        return json_text.encode(row)
    except MisuseError as error:
        raise ValueError(str(error)) from error


def _spelled(text: str) -> Spelled:
    number = Spelled(text)
    number.text = text
    return number


def _as_spelled(value: object) -> msgspec.Raw:
    if isinstance(value, Spelled):
        return msgspec.Raw(value.text)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_decoder = msgspec.json.Decoder(float_hook=_spelled)
_encoder = msgspec.json.Encoder(enc_hook=_as_spelled)
