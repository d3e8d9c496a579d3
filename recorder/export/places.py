"""Where the sessions of a journal lie, whatever state the journal is in; nothing is folded yet.

One pass looks at the checksum and the head of every line. What is kept is a few words a line: the
place of it. A line that does not check is noted, and the rest goes on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import msgspec

from recorder.errors import CorruptJournalError, RunDirectoryError
from recorder.events import SCHEMA, SessionStarted
from recorder.framing import checksum, unframe
from recorder.reader import Entry, Folding, Line, checks, lines
from recorder.segment import segments
from recorder.session import Session

_SEGMENT = 2**40
"""Places of lines are counted from the beginning of their segment, which is below this."""

_LATEST = 2**62
"""Where a session stands whose beginning is lost."""

_NOWHERE = ", line 0: "
"""What an error says of a line that has no number."""

_CHUNK = 2**20

VERIFY = "`hermes-run verify` shows every fault of the journal"


class _Head(msgspec.Struct):
    """What a line is looked at for."""

    event: str = ""
    session: str = ""
    prompt_key: str = ""
    prompt_index: int = _LATEST
    sample: int = 0
    tools_hash: str = ""
    schema: int = 0
    run: str = ""
    version: str = ""


class _Kept(msgspec.Struct):
    """What is kept of a session."""

    lines: array[int]
    prompt_key: str = ""
    prompt_index: int = _LATEST
    sample: int = 0


_decoder = msgspec.json.Decoder(_Head)


class Places:
    """The journal in a folder, as it stood when this was made; every method blocks.

    ``run`` is the run's id and ``version`` that of the software which began it; ``damaged`` counts
    lines that do not check and ``damage`` says of the first where it stands and why. ``torn``
    counts tails that were never acknowledged.

    Raises:
        RunDirectoryError: the folder can't be read, or is of a later schema.
    """

    def __init__(self, journal: Path) -> None:
        self.run = self.version = ""
        self.damage = ""
        self.damaged = self.torn = 0
        self._paths: list[Path] = []
        self._sessions: dict[str, _Kept] = {}
        self._faults: dict[str, str] = {}
        self._tools: dict[str, int] = {}
        self._declared: tuple[str, Entry] | None = None
        try:
            self._paths = segments(journal)
            for number, path in enumerate(self._paths):
                # A live run removes a segment where there was no room for its first facts.
                with suppress(FileNotFoundError):
                    self._survey(number, path)
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error

    def __len__(self) -> int:
        return len(self._sessions)

    def names(self) -> list[str]:
        """The sessions, by the prompt they are about, the sample and their id.

        Those of one prompt are neighbours, also where a prompts file was sorted anew in between.
        """
        sessions = self._sessions
        # One sort after the other, as each keeps the order of the one before: a key for all of it
        # would take more memory than all that is kept of a session.
        names = sorted(sessions)
        names.sort(key=lambda name: sessions[name].sample)
        names.sort(key=lambda name: sessions[name].prompt_key)
        for prompt_key, of_prompt in groupby(names, lambda name: sessions[name].prompt_key):
            if prompt_key:
                _put_together([sessions[name] for name in of_prompt])
        names.sort(key=lambda name: sessions[name].prompt_index)
        return names

    def fold(self, name: str) -> Session:
        """Give a session whole.

        Raises:
            CorruptJournalError: a line of its does not check, is missing or contradicts another.
            RunDirectoryError: the journal can't be read.
        """
        if name in self._faults:
            raise CorruptJournalError(self._faults[name])
        folding = Folding()
        try:
            for place, entry in self._entries(self._sessions[name].lines):
                self._take(folding, place, entry)
        except OSError as error:
            raise RunDirectoryError(f"the journal can't be read: {error}") from error
        if name not in folding.sessions:
            raise CorruptJournalError("the journal was changed meanwhile")
        return folding.sessions[name]

    def _take(self, folding: Folding, place: int, entry: Entry) -> None:
        try:
            if isinstance(entry.event, SessionStarted):
                self._declare(folding, entry.event.tools_hash)
            folding.add(entry)
        except CorruptJournalError as error:
            raise self._corrupt(place, str(error).removeprefix(_NOWHERE)) from error
        except (ValueError, RecursionError) as error:  # a time that is none, or too deep a value
            raise self._corrupt(place, str(error)) from error

    def _corrupt(self, place: int, why: str) -> CorruptJournalError:
        """Say what is wrong with the line at *place*; its number is counted now, lines are many."""
        number, offset = divmod(place, _SEGMENT)
        path = self._paths[number]
        before = 0
        with path.open("rb") as file:
            while offset > 0 and (chunk := file.read(min(offset, _CHUNK))):
                offset -= len(chunk)
                before += chunk.count(b"\n")
        return CorruptJournalError(f"{path.name}, line {before + 1}: {why}; {VERIFY}")

    def _survey(self, number: int, path: Path) -> None:
        size, offset = path.stat().st_size, 0
        for line in lines(path):
            end = offset + len(line.content) + line.complete
            if end > size:
                return  # it is being written
            self._look(path, line, number * _SEGMENT + offset)
            offset = end

    def _look(self, path: Path, line: Line, place: int) -> None:
        if not checks(line.content):
            if line.complete:
                self._note_damage(path, line, "the checksum does not match")
            else:
                self.torn += 1
            return
        try:
            head = _head(line.content)
        except CorruptJournalError as error:
            self._note_damage(path, line, str(error))
            return
        if head.session:
            self._note_session(head, place)
        elif head.event == "tools_declared":
            self._tools[head.tools_hash] = place
        elif head.event == "segment_opened":
            self._check_schema(head, path)

    def _note_session(self, head: _Head, place: int) -> None:
        kept = self._sessions.get(head.session)
        if kept is None:
            kept = self._sessions[head.session] = _Kept(array("Q"))
        kept.lines.append(place)
        if head.event == "session_started":
            # What is 0 is left out of a line.
            kept.prompt_index = 0 if head.prompt_index == _LATEST else head.prompt_index
            kept.prompt_key, kept.sample = head.prompt_key, head.sample

    def _note_damage(self, path: Path, line: Line, why: str) -> None:
        """Note a line that does not check, with the session it may be of."""
        damage = f"{path.name}, line {line.number}: {why}"
        self.damage = self.damage or damage
        self.damaged += 1
        with suppress(ValueError, RecursionError):
            name = _decoder.decode(line.content).session
            self._faults.setdefault(name, f"{damage}; {VERIFY}")

    def _check_schema(self, head: _Head, path: Path) -> None:
        if head.schema > SCHEMA:
            raise RunDirectoryError(
                f"{path.name} was written in schema {head.schema} by version {head.version:.80}; "
                f"this version reads no schema after {SCHEMA}: use that one, or a later one"
            )
        self.run, self.version = self.run or head.run, self.version or head.version

    def _declare(self, folding: Folding, name: str) -> None:
        """Make the tools called *name* known to *folding*; those asked for last are at hand."""
        if name not in self._tools:
            return
        if self._declared is None or self._declared[0] != name:
            ((_, entry),) = self._entries(array("Q", [self._tools[name]]))
            self._declared = name, entry
        folding.add(self._declared[1])

    def _entries(self, places: array[int]) -> Iterator[tuple[int, Entry]]:
        with ExitStack() as stack:
            opened: dict[int, BinaryIO] = {}
            for place in places:
                number, offset = divmod(place, _SEGMENT)
                if number not in opened:
                    opened[number] = stack.enter_context(self._paths[number].open("rb"))
                opened[number].seek(offset)
                content = opened[number].readline().removesuffix(b"\n")
                try:
                    entry = Entry(unframe(content), "", 0, checksum(content))
                except CorruptJournalError as error:
                    raise self._corrupt(place, str(error)) from error
                yield place, entry


def _put_together(of_prompt: Sequence[_Kept]) -> None:
    """Let the sessions of a prompt stand where the first of them does."""
    first = min(kept.prompt_index for kept in of_prompt)
    for kept in of_prompt:
        kept.prompt_index = first


def _head(content: bytes) -> _Head:
    """The head of a line that checks.

    Raises:
        CorruptJournalError: no event has this shape.
    """
    try:
        return _decoder.decode(content)
    except (ValueError, RecursionError):  # lone surrogates, or no fact at all
        return msgspec.convert(msgspec.to_builtins(unframe(content)), _Head)
