"""Tool lists in a journal: each is declared once, and again at the head of every new segment."""

from __future__ import annotations

import time
from collections import deque

import anyio

from recorder.events import ToolsDeclared, timestamp
from recorder.framing import frame
from recorder.messages import Json


class Declared:
    """The tool lists that a journal has declared, by their hash.

    ``lines`` are those that are durable; ``turn`` belongs to whoever declares one.
    """

    def __init__(self) -> None:
        self.lines: tuple[bytes, ...] = ()
        self.turn = anyio.Lock(fast_acquire=True)
        self._names: set[str] = set()
        self._accepted: deque[tuple[int, bytes]] = deque()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def line(self, name: str, tools: tuple[dict[str, Json], ...]) -> bytes:
        """Write the next declaration.

        Raises:
            MisuseError: the schemas have no JSON form.
        """
        seq, ts = len(self._names) + 1, timestamp(time.time())
        return frame(ToolsDeclared(session="", seq=seq, ts=ts, tools_hash=name, tools=tools))

    def accept(self, name: str, line: bytes, place: int) -> None:
        """Note that *line* was accepted and ends at *place*, in bytes of all that was accepted."""
        self._names.add(name)
        self._accepted.append((place, line))

    def acknowledge(self, place: int) -> None:
        """Note that everything up to *place* is durable."""
        while self._accepted and self._accepted[0][0] <= place:
            self.lines += (self._accepted.popleft()[1],)
