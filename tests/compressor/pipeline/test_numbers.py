"""Rows read and written with their numbers as they are spelled."""

from __future__ import annotations

from typing import cast

import pytest

from compressor.pipeline.numbers import decode, encode
from recorder.messages import Json

SPELLED = rb'{"x":1.10,"y":1E5,"big":12345678901234567890123,"n":[7,-3,true,null],"s":"%s"}'


@pytest.mark.parametrize("text", [rb"plain", rb"a\ud800b", rb"\ud83d \"q\" \\ \n"])
def test_numbers_keep_their_spelling_beside_a_lone_surrogate(text: bytes) -> None:
    """What comes out is what came in, whatever the strings hold."""
    row = SPELLED % text
    assert encode(decode(row)) == row


def test_a_key_may_hold_a_lone_surrogate() -> None:
    """Keys are escaped as texts are; an empty object and an empty list stay so."""
    row = rb'{"\udfff":1.50,"a":{},"b":[]}'
    assert encode(decode(row)) == row


@pytest.mark.parametrize("row", [b'"\\ud800" NaN', b'["\\ud800",NaN]', b"[" * 200_000])
def test_what_is_no_json_is_a_value_error(row: bytes) -> None:
    """Neither the fast path nor the one for lone surrogates lets anything else out."""
    with pytest.raises(ValueError, match=r"."):
        decode(row)


def test_what_has_no_json_form_is_a_value_error() -> None:
    """An object of a foreign class, and a nesting without end."""
    endless: list[Json] = []
    endless.append(endless)
    for value in (cast("Json", object()), ["\ud800", cast("Json", object())], ["\ud800", endless]):
        with pytest.raises(ValueError, match="can't be written as JSON"):
            encode(value)
