"""Input rows: read one by one, checked before anything is spent.

A row is ``{"prompt": str}`` or ``{"messages": [...]}``, and optionally ``id, system, toolsets,
tools, image, workspace, setup, verify, metadata``; any other key is metadata. A prompt's key is its
row's ``id``, else a hash of the row; equal keys are told apart by their occurrence number. Never by
text alone, never by position alone: rows may be re-ordered and extended between runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path

import msgspec

from hermes_run.errors import UsageError
from hermes_run.occurrences import Occurrences
from recorder import files
from recorder.errors import FormatError, MisuseError
from recorder.formats import load
from recorder.given import refuse_deeper
from recorder.json_text import canonical, decode
from recorder.messages import Json, Message
from recorder.steps import Turn, pair

_QUOTE = 200


class Prompt(msgspec.Struct, frozen=True):
    """A row that can be run; ``index`` counts rows from 0, ``line`` lines from 1."""

    key: str
    index: int
    line: int
    messages: tuple[Message, ...]
    toolsets: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    image: str | None = None
    workspace: str | dict[str, str] | None = None
    setup: str | None = None
    verify: str | None = None
    metadata: dict[str, Json] = {}
    row_hash: str = ""


class Reject(msgspec.Struct, frozen=True):
    """A row that can't be used; ``line`` counts from 1."""

    line: int
    reason: str
    row: str


class _Row(msgspec.Struct, frozen=True):
    id: str | int | None = None
    prompt: str | None = None
    messages: list[dict[str, Json]] | None = None
    system: str | None = None
    toolsets: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    image: str | None = None
    workspace: str | dict[str, str] | None = None
    setup: str | None = None
    verify: str | None = None
    metadata: dict[str, Json] = {}


async def read_prompts(path: Path, system: str | None = None) -> AsyncGenerator[Prompt | Reject]:
    """Give the rows of a JSON-lines file in their order; blank lines are no rows.

    Args:
        path: the file.
        system: a lasting system prompt for rows that bring none.

    Raises:
        OSError: the file can't be read.
    """
    reading = Reading(system)
    number = 0
    async with aclosing(files.lines(path)) as lines:
        async for line in lines:
            number += 1
            if not _is_blank(line):
                yield reading.row(number, line)


class Reading:
    """Numbers rows and tells equal ones apart."""

    def __init__(self, system: str | None = None) -> None:
        self._system = system
        self._rows = 0
        self._seen = Occurrences()

    def row(self, line: int, content: bytes) -> Prompt | Reject:
        """Read one row; gives what is wrong with it where it can't be used."""
        index, self._rows = self._rows, self._rows + 1
        try:
            document = decode(content.removeprefix(b"\xef\xbb\xbf"))
            refuse_deeper(document)
            return self.prompt(index, line, document)
        except (msgspec.ValidationError, FormatError, MisuseError, UsageError) as error:
            reason = str(error)
        except ValueError as error:
            reason = f"not JSON: {error}"
        return Reject(line, reason, content[:_QUOTE].decode("utf-8", "replace"))

    def prompt(self, index: int, line: int, document: Json) -> Prompt:
        """Make a prompt of a decoded row.

        Raises:
            UsageError: the row has nothing to begin with.
            FormatError: its ``messages`` are no conversation.
            msgspec.ValidationError: the row is no object, or a key holds the wrong type.
        """
        row = msgspec.convert(document, _Row)
        known = set(_Row.__struct_fields__)
        surplus = {key: value for key, value in document.items() if key not in known}
        row_hash = hashlib.sha256(canonical(document)).hexdigest()[:16]
        return Prompt(
            key=self._seen.tell_apart(row_hash if row.id is None else str(row.id)),
            index=index,
            line=line,
            messages=_messages(row, self._system),
            toolsets=row.toolsets,
            tools=row.tools,
            image=row.image,
            workspace=row.workspace,
            setup=row.setup,
            verify=row.verify,
            metadata={**surplus, **row.metadata},
            row_hash=row_hash,
        )


def _messages(row: _Row, system: str | None) -> tuple[Message, ...]:
    """What a row begins with: its system prompt or the run's, then its messages or prompt."""
    if row.messages is not None and row.prompt is not None:
        raise UsageError("a row has `prompt` or `messages`, not both")
    if row.messages is not None:
        given = _given(row.messages)
    elif row.prompt is not None and row.prompt.strip():
        given = (Message("user", row.prompt),)
    else:
        raise UsageError("no prompt: give `prompt` (a text) or `messages` (a list)")
    lasting = row.system if row.system is not None else system
    if lasting is None or (given and given[0].role == "system"):
        return given
    return (Message("system", lasting), *given)


def _given(messages: list[dict[str, Json]]) -> tuple[Message, ...]:
    """Read a given history, calls and results included, as turns to begin with.

    Raises:
        UsageError: there is nothing in it to answer.
    """
    turns = load("messages").parse({"messages": messages}).turns
    given = tuple(message for turn in turns for message in _flat(turn))
    if not given:
        raise UsageError("`messages` is empty: there is nothing to answer")
    return given


def _flat(turn: Turn) -> tuple[Message, ...]:
    if isinstance(turn, Message):
        return (turn,)
    reply = turn.reply
    said = Message("assistant", reply.text, calls=reply.calls, reasoning=reply.reasoning)
    results = [result for _, result in pair(turn).pairs if result]
    return (said, *(Message("tool", r.output, call_id=r.call_id) for r in results))


def _is_blank(content: bytes) -> bool:
    """Whether there is nothing in *content* but white space and a byte order mark."""
    return not content.strip(b" \t\r\n\xef\xbb\xbf")


def count_rows(path: Path) -> int:
    """Count the rows of a file without reading them; blank lines may be counted too."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")


def check_file(path: Path) -> None:
    """Refuse a path that can't be a prompts file, saying what to do.

    Raises:
        UsageError: it is missing, a folder, a pipe, empty, or not readable.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: name the JSON-lines file in it")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} can be read only once: save its rows to a file first")
        with path.open("rb") as file:
            empty = all(map(_is_blank, iter(partial(file.read, 2**16), b"")))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: name a JSON-lines file of prompts") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if empty:
        raise UsageError(f'{path} is empty: write one row a line, like {{"prompt": "..."}}')
