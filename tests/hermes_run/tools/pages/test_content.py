"""What pages of any kind say."""

from __future__ import annotations

import pytest

from hermes_run.tools.pages.content import Reading, read_body

URL = "https://example.org/"
LOST = "not all of it is utf-8; \ufffd stands for what could not be read"


@pytest.mark.parametrize(
    ("body", "kind", "charset", "text"),
    [
        (b'{"a": 1}', "application/json", None, '{"a": 1}'),
        (b'{"a": 1}', "application/vnd.api+json", None, '{"a": 1}'),
        (b"a\r\nb", "text/plain", None, "a\nb"),
        (b"a: b", "", None, "a: b"),
        (b"text", "application/octet-stream", None, "text"),
        (b"\n <!DOCTYPE html><p>x", "", None, "x"),
        ("\ufeffé".encode(), "text/plain", "latin-1", "é"),
        ("\ufeffé".encode("utf-16-le"), "text/plain", None, "é"),
        ("\ufeffé".encode("utf-16-be"), "", None, "é"),
        (b"\xe9", "text/plain", "ISO-8859-1", "é"),
        (b"\xe9\x80", "text/plain", None, "é€"),
        ("é".encode() + b"\xc3", "text/plain", None, "é\ufffd"),
        ("日本".encode("shift_jis"), "text/plain", "Shift_JIS", "日本"),
        (b"<meta charset='latin-1'>\xe9", "text/html", None, "é"),
        (b"<meta http-equiv=x content='text/html; charset=koi8-r'>\xc1", "text/html", "no", "а"),
        (b"a", "text/plain", "unicode_escape", "a"),
        (b"a", "text/plain", "iso-9999", "a"),
        (b"\xff\xe9", "text/plain", None, "ÿé"),
    ],
)
def test_text_is_decoded_as_it_says_or_as_it_can(body, kind, charset, text):
    """Byte order mark, header, the page's own word, UTF-8, Windows; odd names are passed over."""
    assert read_body(body, kind, charset, URL).text == text


def test_what_could_not_be_read_is_said():
    """A page that is not what it says it is."""
    assert read_body(b"a\xff", "text/plain", "utf-8", URL) == Reading("a\ufffd", notes=(LOST,))


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (b"%PDF-1.7 ...", "application/pdf", "application/pdf: PDF document, 12 bytes"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "image/png", "image/png: PNG image, 108 bytes"),
        (b"ab\0", "", "unknown type: unknown kind, 3 bytes; its bytes are 61 62 00"),
        (b"ab\0", "application/octet-stream", "application/octet-stream: unknown kind"),
        (b"", "image/png", "image/png: empty"),
    ],
)
def test_what_is_no_text_is_described(body, kind, told):
    """Its kind by its first bytes, its size, and how it begins."""
    reading = read_body(body, kind, None, URL)
    assert reading.text.startswith(told)
    assert not reading.is_text
