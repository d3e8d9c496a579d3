r"""One event, one line: JSON whose last member is the CRC-32 of the bytes before it.

A line looks like ``{"event":"scored",...,"crc":"0badf00d"}\n``, so it is still plain JSON. The
checksum covers the bytes before ``,"crc":``. Lines are split on 0x0A only: ``str.splitlines`` also
splits on U+2028 and others, which may stand in any text.
"""

from __future__ import annotations

import json
from typing import get_args
from zlib import crc32

import msgspec

from recorder.errors import CorruptJournalError
from recorder.events import Event, Fact, Known, Unknown
from recorder.json_text import encode

_encoder = msgspec.json.Encoder()
_write, _write_into = _encoder.encode, _encoder.encode_into
_decoder = msgspec.json.Decoder(Known)
_TAIL = len(',"crc":"00000000"}')


class _Stamp(msgspec.Struct):
    event: str
    session: str
    seq: int
    ts: str


def frame(event: Event) -> bytes:
    """Write *event* as one journal line, newline included.

    Raises:
        MisuseError: something in it has no JSON form.
    """
    if isinstance(event, Unknown):
        body = event.raw
    else:
        try:
            body = _write(event)[:-1]
        except (TypeError, ValueError, RecursionError):  # unusual: the long way knows what to do
            body = encode(event)[:-1]
    return body + b',"crc":"%08x"}\n' % crc32(body)


def frame_into(event: Event, line: bytearray) -> bytes:
    """Do what :func:`frame` does in a buffer that is used again, for who has no time to lose.

    Args:
        event: what is to be written.
        line: what it holds is replaced by the line, but for its end.

    Returns:
        The end of the line; it is empty where *line* holds all of it.

    Raises:
        MisuseError: something in it has no JSON form.
    """
    if type(event) is Unknown:  # every fact comes by here, and this is asked in half the time
        line[:] = frame(event)
        return b""
    try:
        _write_into(event, line)
    except (TypeError, ValueError, RecursionError):  # unusual: the long way knows what to do
        line[:] = frame(event)
        return b""
    del line[-1]
    return b',"crc":"%08x"}\n' % crc32(line)


def checksum(line: bytes) -> bytes:
    """The eight hex digits that *line* (without its newline) ends with."""
    return line[-10:-2]


def check(line: bytes) -> bytes:
    """Give the part of *line* (without its newline) that its checksum covers.

    Raises:
        CorruptJournalError: there is no checksum, or it does not match.
    """
    body, tail = line[:-_TAIL], line[-_TAIL:]
    if tail != b',"crc":"%08x"}' % crc32(body):
        raise CorruptJournalError("the checksum does not match")
    return body


def unframe(line: bytes) -> Event:
    """Read one journal line (without its newline) back into its event.

    Raises:
        CorruptJournalError: the checksum does not match, or no event has this shape.
    """
    body = check(line)
    document = body + b"}"
    try:
        return _decoder.decode(document)
    except (ValueError, RecursionError) as error:
        return _unusual(body, document, error)


def _unusual(body: bytes, document: bytes, error: Exception) -> Event:
    """Read what the fast path refuses: lone surrogates, and events of a later version."""
    try:
        loose = json.loads(document.decode())
        stamp = msgspec.convert(loose, _Stamp)
        if stamp.event in _KNOWN_TAGS:
            return msgspec.convert(loose, Known)
        Fact(session=stamp.session, seq=stamp.seq, ts=stamp.ts)  # its place and time must be sound
    except (ValueError, RecursionError) as cause:
        raise CorruptJournalError(f"no event has this shape: {error}") from cause
    return Unknown(event=stamp.event, session=stamp.session, seq=stamp.seq, ts=stamp.ts, raw=body)


_KNOWN_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(Known))
