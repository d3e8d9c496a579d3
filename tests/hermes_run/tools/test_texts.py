"""Encodings and kinds of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools.texts import decode, describe, encode, is_binary, kind_of


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        (b"", "", ""),
        ("é".encode(), "é", ""),
        ("\ufeffé".encode(), "é", "the file is UTF-8 with a byte order mark"),
        ("\ufeffé".encode("utf-16-le"), "é", "the file is UTF-16-LE with a byte order mark"),
        ("\ufeffé".encode("utf-16-be"), "é", "the file is UTF-16-BE with a byte order mark"),
        (b"\xff\xfea\0b", "a\ufffd", "with a byte order mark; \ufffd stands for"),
        (b"caf\xe9", "café", "it is shown as Latin-1, which is a guess"),
        ("éé".encode() + b"\xe9", "éé\ufffd", "\ufffd stands for what could not be read"),
    ],
)
def test_text_is_read_by_its_mark_or_as_what_it_can_be(content, text, note):
    """UTF-8 first, then Latin-1; what was assumed is said."""
    found = decode(content)
    assert found.text == text
    assert found.note.endswith(note) if not found.damaged else note in found.note


@given(st.binary(max_size=40))
def test_what_is_not_damaged_comes_back_to_the_byte(content):
    """Whatever the bytes are."""
    found = decode(content)
    assert found.damaged or encode(found.text, found) == content


@given(st.text(max_size=20), st.integers(1, 3))
def test_the_beginning_of_a_file_ends_before_a_broken_character(text, cut):
    """It is no reason to take it for another encoding."""
    found = decode(("é" + text).encode() + "\U0001f600".encode()[:cut], whole=False)
    assert (found.text, found.note) == ("é" + text, "")


def test_characters_that_an_encoding_has_not_are_not_written():
    """Latin-1 has no snowman."""
    assert encode("\u2603", decode(b"caf\xe9")) is None


@pytest.mark.parametrize(
    ("content", "binary"),
    [
        (b"text", False),
        (b"a\0", True),
        (b"x" * 9000 + b"\0", False),
        ("\ufeffa".encode("utf-16-le"), False),
        (b"%PDF-1.7 text", True),
    ],
)
def test_a_file_with_a_nul_near_its_beginning_is_binary(content, binary):
    """Except UTF-16 that says so."""
    assert is_binary(content) is binary


def test_kinds_are_told_by_their_first_bytes():
    """Small files are shown as numbers."""
    assert kind_of(b"RIFF\0\0\0\0WEBPVP8 ") == "WebP image"
    assert describe(b"\x7fELF", 4) == "ELF program or library, 4 bytes; its bytes are 7f 45 4c 46"
    assert describe(b"PK\x03\x04" + b"\0" * 96, 10_000) == (
        "ZIP archive (also docx, xlsx, jar, whl), 10000 bytes; "
        "it begins 50 4b 03 04 00 00 00 00 00 00 00 00 00 00 00 00"
    )
    assert kind_of(b"\0\1\2") == "unknown kind"
