"""The body of an answer, cut into payloads in bytes, however it is chopped up. Pure.

A stream of server-sent events gives the payload of each event as soon as it is complete. Anything
else, such as a JSON document or an error page, gives one payload at its end: servers send either,
whatever was asked for and whatever their content type says. Which of the two it is shows in the
first byte, because events begin with the name of a field or with a colon.

Source: WHATWG HTML, "Server-sent events", section "Interpreting an event stream". Only ``data``
fields are of use here; comments, which keep a connection alive, give nothing.
"""

from __future__ import annotations

DONE = b"[DONE]"
"""The payload by which a server says that nothing more comes."""

_BLANK = b"\xef\xbb\xbf \t\r\n"
_DOCUMENT = (b"{", b"[", b"<")


class Splitter:
    """Cuts the bytes of a body into payloads.

    A byte is copied a fixed number of times, however long its line and however small the pieces.
    """

    def __init__(self) -> None:
        self._is_document: bool | None = None
        self._held = bytearray()
        self._fields: list[bytes] = []
        self._after_return = False

    @property
    def is_document(self) -> bool:
        """Whether this is one document, not a stream of events."""
        return bool(self._is_document)

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes; gives the payloads that are complete now, in order."""
        if self._is_document is None:
            piece = self._begin(piece)
        if not piece:
            return []
        if self._is_document:
            self._held += piece
            return []
        return self._split(piece)

    def end(self) -> list[bytes]:
        """Give what the body still holds: a document, or an event that no blank line ended."""
        rest = bytes(self._held)
        self._held.clear()
        found = (rest,) if self._is_document else (self._line(rest), self._line(b""))
        return [payload for payload in found if payload]

    def _begin(self, piece: bytes) -> bytes:
        """Drop what comes before the first byte that says something, and judge by that."""
        piece = piece.lstrip(_BLANK)
        if piece:
            self._is_document = piece.startswith(_DOCUMENT)
        return piece

    def _split(self, piece: bytes) -> list[bytes]:
        if _is_one(piece) and not self._held and not self._fields:
            self._after_return = False
            payload = piece[5:].strip()
            return [payload] if payload else []
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]  # the second half of a line end that was cut in two
        self._after_return = piece.endswith(b"\r")
        lines = piece.splitlines()
        rest = b"" if piece.endswith((b"\n", b"\r")) or not lines else lines.pop()
        if lines and self._held:
            lines[0] = bytes(self._held) + lines[0]
            self._held.clear()
        self._held += rest
        return [payload for line in lines if (payload := self._line(line))]

    def _line(self, line: bytes) -> bytes | None:
        """Take one line; the blank one after an event gives the event's payload."""
        if line.startswith(b"data:"):
            self._fields.append(line[5:].strip())
        elif not line and self._fields:
            payload = b"\n".join(self._fields)
            self._fields.clear()
            return payload
        return None


def _is_one(piece: bytes) -> bool:
    """Whether *piece* is one event and nothing else, as mostly when a model takes its time."""
    is_whole = piece.startswith(b"data:") and piece.endswith(b"\n\n")
    return is_whole and piece.find(b"\n") == len(piece) - 2 and b"\r" not in piece
