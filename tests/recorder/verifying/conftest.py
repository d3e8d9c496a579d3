"""Small runs to damage, and short words for judging them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

import recorder
from recorder.events import Event, SegmentOpened, timestamp
from recorder.framing import frame
from recorder.record import Record
from recorder.segment import segments
from recorder.verifying import Salvaged, Verdict, inspect, salvage, survey

TOOLS = [{"type": "function", "function": {"name": "f", "description": "F.", "parameters": {}}}]
Judge: TypeAlias = Callable[..., Verdict]
Save: TypeAlias = Callable[[Path], tuple[Salvaged, Verdict]]
WriteRun: TypeAlias = Callable[..., Path]


@asynccontextmanager
async def session_of(record: Record, name: str, tools: Any = TOOLS) -> AsyncIterator[Any]:
    """Record a session with one call and its result, and whatever the block adds."""
    async with record.session(prompt="a \u2028 \u00e9", tools=tools, model="m", id=name) as session:
        await session.model_replied(calls=[{"id": "c", "name": "f", "arguments": "{}"}])
        await session.tool_started("c", effect="read")
        await session.tool_returned("c", "out", status="ok")
        yield session


async def record_run(directory: Path) -> None:
    """Record two sessions at once, one that completes and one that reaches a limit."""
    async with (
        recorder.open(directory) as record,
        session_of(record, "one") as one,
        session_of(record, "two") as two,
    ):
        await one.model_replied(text="done \U0001f600")
        await two.model_replied(text="too long")
        await two.end("limit", reason="turns")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run that nobody may change."""
    directory = tmp_path_factory.mktemp("template") / "run"
    anyio.run(record_run, directory)
    return directory


@pytest.fixture
def run(template: Path, tmp_path: Path) -> Path:
    """A sound run of two sessions."""
    return Path(shutil.copytree(template, tmp_path / "run"))


@pytest.fixture
def judge() -> Judge:
    """Inspect a run directory."""

    def judged(directory: Path, tools: Iterable[Any] = ()) -> Verdict:
        return inspect(survey(directory), tools)

    return judged


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Salvage a run and judge what was saved."""
    count = 0

    def saved(directory: Path) -> tuple[Salvaged, Verdict]:
        nonlocal count
        count += 1
        out = tmp_path / f"saved-{count}"
        seen = survey(directory)
        report = anyio.run(salvage, seen, inspect(seen), out)
        return report, inspect(survey(out))

    return saved


@pytest.fixture
def journal() -> Callable[[Path], Path]:
    """The only segment of a run."""

    def only(directory: Path) -> Path:
        (path,) = segments(directory / "journal")
        return path

    return only


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Write a run that holds nothing but the given events, a list for each segment."""

    def write(*parts: Iterable[Event], heading: bool = True) -> Path:
        directory = tmp_path / "written" / "journal"
        directory.mkdir(parents=True)
        for number, events in enumerate(parts):
            begin = [opened()] if heading else []
            content = b"".join(map(frame, [*begin, *events]))
            (directory / f"{number:05d}-w.jsonl").write_bytes(content)
        return directory.parent

    return write


def opened(**fields: Any) -> SegmentOpened:
    """The first line of a segment."""
    known = {"schema": 1, "run": "r", "writer": "w", "sync": "group", "version": "0"}
    return SegmentOpened(session="", seq=0, ts=timestamp(0), **{**known, **fields})


@pytest.fixture
def heading() -> Callable[..., SegmentOpened]:
    """Make the first line of a segment."""
    return opened


@pytest.fixture
def events() -> Callable[..., list[Any]]:
    """Number the events of a session, given as a kind and its fields, from zero on."""

    def numbered(*given: tuple[type, dict[str, Any]], session: str = "s") -> list[Any]:
        return [
            kind(session=session, seq=seq, ts=timestamp(seq), **fields)
            for seq, (kind, fields) in enumerate(given)
        ]

    return numbered


@pytest.fixture
def session_in() -> Any:
    """Record a session with one call and its result, and whatever the block adds."""
    return session_of
