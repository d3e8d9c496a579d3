"""The record of a run: a directory with a journal and the files made from it.

::

    runs/NAME/
      journal/                   the truth
      trajectories.jsonl         one row a completed session
      failed_trajectories.jsonl  one row any other session
      statistics.json            the fold of the whole run
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypedDict, Unpack

import anyio
import msgspec

from recorder import files
from recorder.disk import make_directory
from recorder.errors import JournalError, RunDirectoryError, RunExistsError
from recorder.events import Event, SessionStarted, timestamp
from recorder.formats import row
from recorder.json_text import encode
from recorder.journal import Journal, JournalSettings, open_journal
from recorder.lock import own
from recorder.messages import Json, Message, Outcome
from recorder.recording import Recording
from recorder.session import Session
from recorder.sinks import Sink, Tee
from recorder.statistics import StatisticsFold

JOURNAL = "journal"
TRAJECTORIES = "trajectories.jsonl"
FAILED = "failed_trajectories.jsonl"
STATISTICS = "statistics.json"

_END_S = 30.0


class Opening(TypedDict, total=False):
    """What a session may begin with besides its prompt; see ``SessionStarted``."""

    id: str
    prompt_key: str
    prompt_index: int
    row_hash: str
    sample: int
    toolsets: Sequence[str]
    draw_seed: str | None
    model: str
    provider: str
    sampling: Mapping[str, Json]
    metadata: Mapping[str, Json]
    flags: Sequence[str]


class Record:
    """An open run directory; made by :func:`open_record`."""

    def __init__(
        self, directory: Path, run: str, journal: Journal, rows: Mapping[bool, files.Rows]
    ) -> None:
        self.directory = directory
        self.run = run
        self.journal = journal
        self.statistics = StatisticsFold()
        self._rows = rows
        self._sink: Sink = Tee(journal, self.statistics)

    def send_also_to(self, sink: Sink) -> None:
        """Give every event to *sink* too, after the journal has it."""
        self._sink = Tee(self._sink, sink)

    async def __call__(self, event: Event) -> None:
        """Accept *event*; raises :class:`JournalError` where it can't be recorded."""
        await self._sink(event)

    async def durable(self) -> None:
        """Return when everything accepted so far is on disk."""
        await self.journal.durable()

    async def start(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> Recording:
        """Begin a session with *messages*; whoever calls this ends it and calls :meth:`finish`."""
        schemas = tuple(dict(tool) for tool in tools)
        name = await self.journal.declare(schemas) if schemas else ""
        session_id = opening.pop("id", "") or secrets.token_hex(8)
        recording = Recording(Session(id=session_id, tools=schemas), self)
        await recording.record(
            SessionStarted, messages=tuple(messages), tools_hash=name, **opening
        )
        return recording

    async def finish(self, session: Session) -> None:
        """Append the row of a session that has ended and is durable.

        Raises:
            JournalError: the row can't be written.
        """
        completed = session.ended is not None and session.ended.outcome == "completed"
        line = encode(row.render(session, self.run)) + b"\n"
        try:
            await self._rows[completed].append(line)
        except OSError as error:
            raise JournalError(f"a row can't be written to {self.directory}: {error}") from error

    @asynccontextmanager
    async def session(
        self,
        prompt: str | Sequence[Message],
        tools: Sequence[Mapping[str, Json]] = (),
        **opening: Unpack[Opening],
    ) -> AsyncIterator[Recording]:
        """Record one session of somebody's agent.

        It ends as ``completed`` with the block, unless the block called ``end`` itself. A block
        that raises ends it as ``tool_error``, one that is cancelled as ``interrupted``.
        """
        messages = [Message("user", prompt)] if isinstance(prompt, str) else prompt
        recording = await self.start(messages, tools, **opening)
        try:
            yield recording
        except Exception as error:
            await self._close(recording, "tool_error", f"{type(error).__name__}: {error}")
            raise
        except BaseException as error:
            await self._close(recording, "interrupted", type(error).__name__)
            raise
        await self._close(recording, "completed", None)

    async def _close(self, recording: Recording, outcome: Outcome, error: str | None) -> None:
        with anyio.move_on_after(_END_S, shield=True):
            if recording.session.ended is None:
                await recording.end(outcome, error=error)
            await self.finish(recording.session)

    async def write_statistics(self) -> None:
        """Replace ``statistics.json`` with what is known now."""
        content = msgspec.json.format(encode(self.statistics.value()), indent=2) + b"\n"
        await files.replace(self.directory / STATISTICS, content)


@asynccontextmanager
async def open_record(
    directory: str | Path,
    run: str | None = None,
    settings: JournalSettings = JournalSettings(),
) -> AsyncIterator[Record]:
    """Begin the record of a run in *directory*, which must not hold one yet.

    Args:
        directory: the run directory; it is made where it is missing.
        run: the run's id; by default made from the directory's name and the time.
        settings: how the journal commits.

    Raises:
        RunExistsError: there is a run in *directory* already.
        RunLockedError: another process owns *directory*.
        RunDirectoryError: *directory* can't be made.
        JournalError: the disk refuses the record.
    """
    path = Path(directory)
    try:
        make_directory(path)
    except OSError as error:
        raise RunDirectoryError(f"the run directory can't be made: {error}") from error
    async with AsyncExitStack() as stack:
        stack.enter_context(own(path))
        if (path / JOURNAL).exists():
            raise RunExistsError(
                f"{path} holds a run already: go on with `hermes-run resume {path}`, "
                "or choose another name"
            )
        run = run or f"{path.name}-{timestamp(time.time())}"
        journal = await stack.enter_async_context(open_journal(path / JOURNAL, run, settings))
        rows = {
            True: await stack.enter_async_context(files.open_rows(path / TRAJECTORIES)),
            False: await stack.enter_async_context(files.open_rows(path / FAILED)),
        }
        record = Record(path, run, journal, rows)
        try:
            yield record
        finally:
            with anyio.move_on_after(_END_S, shield=True):
                await record.write_statistics()
