"""One connection to a server: whether it holds, why it was lost, and what its server complained of.

A server's standard error goes to the log up to a bound, and its last words are kept for those who
ask why it died.
"""

from __future__ import annotations

import logging

import anyio

from hermes_run.tools.mcp.asked import Asked

MESSAGE_BYTES = 8 * 1024 * 1024
"""The longest message that is read from a server; of a longer one nobody would see the rest."""

LOGGED_BYTES = 64 * 1024
"""How much of a server's standard error goes to the log, in each of its lives."""

LINE_BYTES = 8 * 1024
"""How much of a line on standard error is waited for before it is logged."""

STRAYS_LOGGED = 5
"""How many messages that can't be read the log has."""

LAST_WORDS = 1_500
"""How much of it stands in an error, in bytes."""

log = logging.getLogger("hermes_run.tools.mcp")
# Who keeps a log gets it; where nobody does, it is not for the screen.
log.addHandler(logging.NullHandler())


class LostError(Exception):
    """The server can't be reached; the text says why."""


class Line:
    """What is known of one connection to the server that was *asked* for."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.lost = anyio.Event()
        self.why = ""
        self._said = 0
        self._strays = 0
        self._tail = self._begun = b""

    def lose(self, why: str) -> None:
        """Note that the connection is gone; what was noted first stays."""
        if not self.lost.is_set():
            self.why = self.asked.veil(why)
            self.lost.set()

    def complain(self, chunk: bytes) -> None:
        """Take in what the server wrote on its standard error; nothing at its end.

        Lines are logged whole: half of what may not be shown would not be known for it.
        """
        self._tail = (self._tail + chunk)[-2 * LAST_WORDS :]
        lines = self._begun + chunk
        whole = len(lines) if len(lines) > LINE_BYTES or not chunk else lines.rfind(b"\n") + 1
        self._begun = lines[whole:]
        room = LOGGED_BYTES - self._said
        self._said += whole
        if room > 0 and (text := lines[: min(whole, room)].decode("utf-8", "replace").strip()):
            log.warning("%s says: %s", self.asked.title, self.asked.veil(text))
        if 0 < room <= whole:
            log.warning("%s says more, which is not kept", self.asked.title)

    def stray(self, what: str) -> None:
        """Note that the server wrote what can't be read; the log has the first few."""
        self._strays += 1
        if self._strays <= STRAYS_LOGGED:
            log.warning("%s wrote %s", self.asked.title, self.asked.veil(what))

    def last_words(self) -> str:
        """Give the end of the standard error, as an error can quote it; nothing where it is empty.

        What may not be shown is taken out of more than what is shown: no part of it is left over.
        """
        text = self.asked.veil(self._tail.decode("utf-8", "replace")).strip()
        return f"; its last words:\n{text[-LAST_WORDS:]}" if text else ""
