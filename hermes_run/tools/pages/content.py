"""The text of a page, whatever kind of page it is. Pure."""

from __future__ import annotations

import codecs
import re

import msgspec

from hermes_run.tools.pages.html import html_text
from hermes_run.tools.pages.writing import CHARACTERS
from hermes_run.tools.texts import describe

META_BYTES = 4_096
"""Bytes at the beginning in which a page says how it is encoded."""

_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,20}=\s{0,20}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
# Encodings that pages have; Python knows others, which are slow or something else altogether.
_KNOWN = re.compile(
    r"(utf-?(8|16|16-?le|16-?be|32)|us-ascii|ascii|(x-)?(iso|windows|cp|mac|koi|tis|latin)[a-z0-9_-]*"
    r"|(x-)?(shift|s)[-_]?jis|ms932|euc-?[a-z]+|gb[a-z0-9]+|big5(-hkscs)?|johab)"
)
_TEXT = re.compile(
    r"text/.*|.*[/+](json|xml|yaml|javascript|ecmascript)"
    r"|application/(x-)?(json|ndjson|jsonl|jsonlines|yaml|toml|sh|sql|httpd-php|tex|latex|markdown"
    r"|x-www-form-urlencoded)"
)
_HTML = {"text/html", "application/xhtml+xml"}


class Reading(msgspec.Struct, frozen=True):
    """The text of a page, or a description of what is none, and what to say about it."""

    text: str
    is_text: bool = True
    notes: tuple[str, ...] = ()


def read_body(body: bytes, kind: str, charset: str | None, url: str) -> Reading:
    """Read the body of a page of the media type *kind* (none: unknown) found at *url*."""
    is_html = kind in _HTML or (not kind and _looks_like_html(body))
    if not is_html and not _is_text(body, kind):
        told = describe(body, len(body)) if body else "empty"
        return Reading(f"{kind or 'unknown type'}: {told}", is_text=False)
    text, note = _decoded(body, charset, is_html=is_html)
    shown = html_text(text, url) if is_html else text.replace("\r\n", "\n")
    more = "the page goes on" if is_html and len(shown) >= CHARACTERS else ""
    return Reading(shown, notes=tuple(filter(None, [note, more])))


def _looks_like_html(body: bytes) -> bool:
    start = body[:META_BYTES].lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _is_text(body: bytes, kind: str) -> bool:
    if kind and not _TEXT.fullmatch(kind) and kind != "application/octet-stream":
        return False
    marked = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return marked or b"\0" not in body[:META_BYTES] or kind.startswith("text/")


def _decoded(body: bytes, charset: str | None, *, is_html: bool) -> tuple[str, str]:
    """Decode by a byte order mark, the header, the page's own word, or a guess."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), ""
    found = _CHARSET.search(body[:META_BYTES]) if is_html else None
    names = [charset or "", found[1].decode() if found else ""]
    known = next((name for name in names if _is_known(name)), None)
    if known is None:
        known = "utf-8" if _is_utf8(body) else "windows-1252"
    text = body.decode(known, "replace")
    lost = "\ufffd" in text and "\ufffd".encode() not in body
    return (
        text,
        f"not all of it is {known}; \ufffd stands for what could not be read" if lost else "",
    )


def _is_known(name: str) -> bool:
    if not _KNOWN.fullmatch(name.lower()):
        return False
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(body)
    except UnicodeDecodeError:
        return False
    # What was cut may end in the middle of a character; then it has others as well.
    return not (decoder.getstate()[0] and text.isascii())
