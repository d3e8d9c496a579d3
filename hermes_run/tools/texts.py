"""Text out of bytes and back, whatever encoding a file is in; and what kind of file is no text."""

from __future__ import annotations

import codecs
from typing import Literal

import msgspec

SNIFFED = 8192
"""Bytes at the beginning in which a NUL makes a file binary."""

SHOWN_BYTES = 64
"""Files this small are shown as hexadecimal numbers."""

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "latin-1"]

_MARKS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x7fELF", "ELF program or library"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"GIF8", "GIF image"),
    (0, b"BM", "BMP image"),
    (0, b"II*\0", "TIFF image"),
    (0, b"MM\0*", "TIFF image"),
    (8, b"WEBP", "WebP image"),
    (8, b"WAVE", "WAV sound"),
    (0, b"%PDF-", "PDF document"),
    (0, b"PK\x03\x04", "ZIP archive (also docx, xlsx, jar, whl)"),
    (0, b"PK\x05\x06", "empty ZIP archive"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"BZh", "bzip2 archive"),
    (0, b"\xfd7zXZ\0", "xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "zstd archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (257, b"ustar", "tar archive"),
    (0, b"SQLite format 3\0", "SQLite database"),
    (0, b"PAR1", "Parquet table"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 file"),
    (0, b"\0asm", "WebAssembly module"),
    (0, b"\xca\xfe\xba\xbe", "Java class or Mach-O program"),
    (0, b"\xcf\xfa\xed\xfe", "Mach-O program"),
    (0, b"MZ", "Windows program"),
    (0, b"\xd0\xcf\x11\xe0", "old Microsoft Office document"),
    (0, b"OggS", "Ogg sound or film"),
    (0, b"fLaC", "FLAC sound"),
    (0, b"ID3", "MP3 sound"),
    (4, b"ftyp", "MP4 film or HEIC image"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM film"),
    (0, b"wOF2", "web font"),
    (0, b"\0\x01\0\0", "TrueType font"),
    (0, b"!<arch>\n", "static library or Debian package"),
)


class Text(msgspec.Struct, frozen=True):
    """The text of a file, its encoding, and the byte order mark that stands before it.

    ``note`` says what is odd about the encoding; a *damaged* text has U+FFFD where bytes could not
    be read, and can't be turned back into the same bytes.
    """

    text: str
    encoding: Encoding = "utf-8"
    mark: bytes = b""
    note: str = ""
    damaged: bool = False


def decode(content: bytes, *, whole: bool = True) -> Text:
    """Read bytes as text: by their byte order mark, else as UTF-8, else as Latin-1.

    Where they are not the *whole* of a file, a last character that is not complete is left out.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = _decoder(encoding, "replace").decode(content[len(mark) :], whole)
            note = f"the file is {encoding.upper()} with a byte order mark"
            lost = "\ufffd" in text
            more = "; \ufffd stands for what could not be read" if lost else ""
            return Text(text, encoding, mark, note + more, damaged=lost)
    try:
        return Text(_decoder("utf-8", "strict").decode(content, whole))
    except UnicodeDecodeError:
        return _guessed(content, whole=whole)


def encode(text: str, like: Text) -> bytes | None:
    """Write *text* in the encoding of another, or ``None`` where that has no such characters."""
    try:
        return like.mark + text.encode(like.encoding)
    except UnicodeEncodeError:
        return None


def is_binary(content: bytes) -> bool:
    """Tell whether *content* is no text: it has a NUL near its beginning, and is not UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    return b"\0" in content[:SNIFFED] or content.startswith(
        (b"%PDF-", b"\x1f\x8b", b"\xff\xd8\xff")
    )


def kind_of(content: bytes) -> str:
    """Name the kind of a binary file by its first bytes."""
    found = (kind for at, magic, kind in _KINDS if content[at : at + len(magic)] == magic)
    return next(found, "unknown kind")


def describe(content: bytes, size: int) -> str:
    """Say what a binary file is and how large; a small one is shown as hexadecimal numbers."""
    shown = content[:SHOWN_BYTES].hex(" ")
    numbers = f"; its bytes are {shown}" if size <= SHOWN_BYTES else f"; it begins {shown[:47]}"
    return f"{kind_of(content)}, {size} bytes{numbers}"


def _decoder(encoding: Encoding, errors: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors)


def _guessed(content: bytes, *, whole: bool) -> Text:
    """Take for Latin-1 what has more bytes that are no UTF-8 than characters that are."""
    text = _decoder("utf-8", "replace").decode(content, whole)
    wrong = text.count("\ufffd") - content.count("\ufffd".encode())
    right = sum(1 for character in text if character > "\x7f") - wrong
    if right >= wrong:
        note = "the file is not UTF-8; \ufffd stands for what could not be read"
        return Text(text, note=note, damaged=True)
    note = "the file is not UTF-8; it is shown as Latin-1, which is a guess"
    return Text(content.decode("latin-1"), "latin-1", note=note)
