"""A disk that remembers which segments failed, and a small record that is written to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import hermes_run.beside
import recorder.files
import recorder.opening
from hermes_run.config import Settings
from hermes_run.models.protocol import Model
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.run import Run, open_run
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import load_shelf
from recorder.archive import Archive
from recorder.disk import Disk
from recorder.faulty import FaultyDisk
from recorder.json_text import encode
from recorder.messages import Times, Usage
from recorder.opening import open_record, reopen_record
from recorder.reader import fold_journal
from recorder.record import Record
from recorder.run_directory import FAILED, JOURNAL, TRAJECTORIES, own_existing
from recorder.settings import JournalSettings
from recorder.standing import stand
from recorder.verifying import Verdict, inspect, survey

SOON = JournalSettings(sync="event", retry_s=0, segment_bytes=900)
"""Settings with which a small record has several segments, and always the same ones."""

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
TIME = "2026-11-22T17:00:00.000Z"


class Poisoned(FaultyDisk):
    """Remembers the segments that failed; ``touched`` is what was done to one after that."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: list[str] = []
        self._segments: set[int] = set()
        self._failed: set[int] = set()

    def create(self, path: Path) -> int:
        """Make *path*."""
        descriptor = super().create(path)
        if path.parent.name == "journal":
            self._segments.add(descriptor)
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some of *content*."""
        with self._failing(descriptor, "written"):
            return super().write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Sync."""
        with self._failing(descriptor, "synced"):
            super().sync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close; the number of the descriptor may be given again."""
        self._segments.discard(descriptor)
        self._failed.discard(descriptor)
        super().close(descriptor)

    def _failing(self, descriptor: int, what: str) -> _Failing:
        if descriptor in self._failed:
            self.touched.append(what)
        return _Failing(self._failed if descriptor in self._segments else set(), descriptor)


class _Failing:
    """Notes that a descriptor has failed where the block raises."""

    def __init__(self, failed: set[int], descriptor: int) -> None:
        self._failed = failed
        self._descriptor = descriptor

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._failed.add(self._descriptor)


class Written:
    """What somebody who recorded knows: how many events of a session the disk has promised.

    ``rows`` are the sessions whose row was taken.
    """

    def __init__(self) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.rows: list[str] = []

    async def record(self, directory: Path, disk: FaultyDisk) -> None:
        """Record two sessions, one that completes and one that does not."""
        async with open_record(directory, "the-run", SOON, disk) as record:
            await self._session(record, "a", "completed")
            await record.write_statistics()
            await self._session(record, "b", "model_error")

    async def _session(self, record: Record, name: str, outcome: Any) -> None:
        recording = await record.start([], TOOLS, id=name)
        await recording.model_replied(
            text="\u2028 \u00e9",
            calls=[{"id": "c", "name": "f", "arguments": "{}"}],
            usage=Usage(input=5, output=2, cost_usd=0.5),
            times=Times(TIME, None, TIME),
        )
        await recording.tool_started("c", effect="workspace")
        self.acknowledged[name] = recording.session.seq
        await recording.tool_returned("c", "x" * 200, status="ok")
        await recording.scored({"r": 1.0}, source="test")
        await recording.durable()
        self.acknowledged[name] = recording.session.seq
        await recording.model_replied(text="done")
        await recording.end(outcome)
        self.acknowledged[name] = recording.session.seq
        await record.finish(recording.session)
        self.rows.append(name)

    def is_kept(self, directory: Path) -> bool:
        """See whether everything that was promised is there, and the rows that were taken."""
        journal = directory / "journal"
        sessions = fold_journal(journal).sessions if journal.exists() else {}
        found = [name for file in (TRAJECTORIES, FAILED) for name in ids_in(directory / file)]
        kept = all(sessions[name].seq >= seq for name, seq in self.acknowledged.items())
        return kept and set(self.rows) <= set(found)


def ids_in(path: Path) -> list[str]:
    """Name the sessions that have a row in a file; every row is whole."""
    content = path.read_bytes() if path.exists() else b""
    assert content.endswith(b"\n") or not content
    return [json.loads(line)["id"] for line in content.split(b"\n")[:-1]]


async def go_on(directory: Path) -> None:
    """End what has no end in a record that was broken off."""
    async with own_existing(directory):
        past = stand(directory / JOURNAL)
        archive = Archive(directory / JOURNAL, past.sessions)
        async with reopen_record(directory, past) as record:
            for name, standing in past.sessions.items():
                if not standing.over:
                    recording = await record.resume(archive.fold(name))
                    await recording.end("interrupted")
                    await record.finish(recording.session)


@pytest.fixture
def disk() -> Poisoned:
    """Give a disk that fails when it is told to."""
    return Poisoned()


@pytest.fixture
def written() -> Callable[[], Written]:
    """Give what makes a new small record."""
    return Written


@pytest.fixture
def judge() -> Callable[[Path], Verdict]:
    """Inspect a run directory."""
    return lambda directory: inspect(survey(directory))


@pytest.fixture
def resume() -> Callable[[Path], Awaitable[None]]:
    """Go on with a record that was broken off."""
    return go_on


@pytest.fixture
def start_run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractAsyncContextManager[Run]]:
    """Open a run over *rows* in *directory*, with a model and a disk of one's own."""

    @asynccontextmanager
    async def start(
        directory: Path,
        rows: Iterable[dict[str, Any]],
        model: Model,
        tools: Iterable[Tool] = (),
        disk: Disk | None = None,
        **options: Any,
    ) -> AsyncGenerator[Run]:
        for module in (recorder.opening, recorder.files, hermes_run.beside):
            monkeypatch.setattr(module, "Disk", lambda: disk or Disk())
        bare = {"model": "scripted", "toolsets": (), "sandbox": "none"}
        chosen = Settings(**{**bare, **options})
        source = Source(model, "scripted", "test")
        shelf = load_shelf(chosen, tools)
        async with open_run(directory, read_rows(rows), chosen, source, shelf) as run:
            yield run

    return start


async def read_rows(rows: Iterable[dict[str, Any]]) -> AsyncGenerator[Prompt | Reject]:
    """Read rows as a file would be read."""
    reading = Reading()
    for number, row in enumerate(rows, start=1):
        yield reading.row(number, encode(row))
