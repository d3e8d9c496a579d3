"""Fold every session as far as it is sound, and forget it after its last line. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from recorder.errors import CorruptJournalError, MisuseError
from recorder.events import ToolsDeclared, timestamp, tools_hash
from recorder.messages import Json
from recorder.reader import Entry, Folding
from recorder.session import Session


class Cut(msgspec.Struct, frozen=True):
    """Where a session stops being sound: it has ``kept`` sound events, from number 0 on."""

    kept: int
    why: str


class SoundFolding:
    """Folds the sound beginning of every session.

    ``repeated`` counts events that stand there twice, equal; ``tools`` holds the hashes of the
    lists of tools that are known.

    Args:
        last: the number of the line that speaks of a session last.
        cuts: sessions that are known not to be sound to their end; more are added.
        tools: lists of tool schemas that are known from elsewhere.
    """

    def __init__(
        self,
        last: dict[str, int],
        cuts: dict[str, Cut],
        tools: Iterable[tuple[dict[str, Json], ...]] = (),
    ) -> None:
        self.cuts = cuts
        self.repeated = 0
        self.tools: set[str] = set()
        self._last = last
        self._folding = Folding()
        for schemas in tools:
            self.add(_declared(schemas))

    def add(self, entry: Entry) -> bool:
        """Take the next event; gives whether it is new and sound.

        Raises:
            CorruptJournalError: here its session stops being sound; from now on it is cut.
        """
        event = entry.event
        cut = self.cuts.get(event.session)
        if cut and event.seq >= cut.kept:
            return False
        if isinstance(event, ToolsDeclared):
            self.tools.add(event.tools_hash)
        try:
            is_new = self._folding.add(entry)
        except (CorruptJournalError, RecursionError) as error:
            why = str(error).removeprefix(f"{entry.segment}, line {entry.line}: ")
            self.cut(event.session, min(event.seq, self.session(event.session).seq), why)
            raise CorruptJournalError(why) from error
        self.repeated += not is_new
        return is_new

    def cut(self, name: str, kept: int, why: str) -> None:
        """Note that of session *name* only the first *kept* events are sound, if not fewer."""
        before = self.cuts.get(name)
        if before is None or kept < before.kept:
            self.cuts[name] = Cut(kept, why)

    def session(self, name: str) -> Session:
        """A session as far as it was read."""
        return self._folding.sessions.get(name) or Session()

    def is_over(self, name: str, number: int) -> bool:
        """Whether line *number* is the last that speaks of session *name*."""
        return self._last.get(name) == number

    def open(self) -> list[str]:
        """The sessions that are remembered."""
        return list(self._folding.sessions)

    def forget(self, name: str) -> None:
        """Keep a session no longer."""
        self._folding.sessions.pop(name, None)


def is_named_right(event: ToolsDeclared) -> bool:
    """Whether a list of tools is the one that its hash stands for."""
    try:
        return tools_hash(event.tools) == event.tools_hash
    except MisuseError:
        return False


def _declared(schemas: tuple[dict[str, Json], ...]) -> Entry:
    name = tools_hash(schemas)
    fact = ToolsDeclared(session="", seq=0, ts=timestamp(0), tools_hash=name, tools=schemas)
    return Entry(fact, "", 0, b"")
