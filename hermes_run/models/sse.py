"""Server-sent events, split in bytes. Pure.

Source: WHATWG HTML, "Server-sent events", section "Interpreting an event stream". Only ``data``
fields are of use here; comments (keep-alives) give nothing.
"""

from __future__ import annotations

DONE = b"[DONE]"


class Splitter:
    """Cuts a byte stream into the payloads of its events, however it is chopped up."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes; gives the payloads that are complete now, in order."""
        buffer = self._rest + piece
        if b"\r" in buffer:
            held = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *events, self._rest = buffer.split(b"\n\n")
        return [payload for event in events if (payload := _payload(event)) is not None]

    def end(self) -> list[bytes]:
        """Give what a stream without a last blank line still holds, if it is an event."""
        payload = _payload(self._rest.rstrip(b"\r\n"))
        self._rest = b""
        return [] if payload is None else [payload]


def _payload(event: bytes) -> bytes | None:
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
