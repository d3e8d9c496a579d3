"""A run that crashes and goes on, with a scripted model, in folders of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

from hermes_run.config import Settings
from hermes_run.drift import Meant, drift
from hermes_run.failure import Failure
from hermes_run.intake import Intake
from hermes_run.models.protocol import Model, Reply, Request
from hermes_run.models.scripted import Scripted
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.resume import Choices, Past, Resumption, Rows, compare_rows
from hermes_run.run import Report, open_run, read_prefill, reopen_run
from hermes_run.run_json import read_run_json
from hermes_run.tools.shelf import Shelf, odds, whole
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import load_shelf
from recorder import files
from recorder.json_text import encode
from recorder.reader import fold_journal
from recorder.run_directory import own_existing
from recorder.session import Session
from recorder.standing import stand

Script: TypeAlias = Sequence[str | Reply | Failure]


class Holding:
    """A model that follows a script, and then holds whoever asks; ``held`` is set by then."""

    def __init__(self, script: Iterable[str | Reply | Failure]) -> None:
        self.held = anyio.Event()
        self._script = list(script)
        self._scripted = Scripted(self._script)

    async def reply(self, request: Request) -> Reply:
        """Give the next reply, or none for ever."""
        if len(self._scripted.requests) < len(self._script):
            return await self._scripted.reply(request)
        self.held.set()
        await anyio.sleep_forever()
        raise AssertionError


async def prompts(rows: Iterable[Any]) -> AsyncIterator[Prompt | Reject]:
    """Read rows as a file would be read; what is bytes is a line as it is."""
    reading = Reading()
    for number, row in enumerate(rows, start=1):
        yield reading.row(number, row if isinstance(row, bytes) else encode(row))


def settings_with(options: dict[str, Any]) -> Settings:
    """Give the settings of all runs here, with *options*."""
    bare = {"model": "m", "toolsets": (), "attempts": 1, "concurrency": 1, "sandbox": "none"}
    return Settings(**{**bare, **options})


def source_of(model: Script | Model, settings: Settings) -> Source:
    """Give what answers."""
    answering = Scripted(model) if isinstance(model, Sequence) else model
    return Source(answering, settings.model or "", "test")


def opened(
    directory: Path, rows: Any, model: Any, tools: Iterable[Tool], options: dict[str, Any]
) -> Any:
    """Open a new run."""
    settings = settings_with(options)
    shelf = load_shelf(settings, tools)
    return open_run(directory, prompts(rows), settings, source_of(model, settings), shelf)


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Awaitable[Report]]:
    """Run *rows* to their end in ``tmp_path/"run"``."""

    async def go(rows: Any, script: Any, tools: Iterable[Tool] = (), **options: Any) -> Report:
        async with opened(tmp_path / "run", rows, script, tools, options) as run:
            return await run.finish()

    return go


@pytest.fixture
def crash(tmp_path: Path) -> Callable[..., Awaitable[None]]:
    """Begin to run *rows*; what a crash at the moment *cut* would leave is ``tmp_path/"run"``.

    Without *cut* that is when the script is over and the model is asked once more.
    """

    async def go(
        rows: Any,
        script: Iterable[Any],
        tools: Iterable[Tool] = (),
        cut: anyio.Event | None = None,
        **options: Any,
    ) -> None:
        model = Holding(script)
        async with (
            opened(tmp_path / "whole", rows, model, tools, options) as run,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(run.finish)
            with anyio.fail_after(20):
                await (cut or model.held).wait()
            await run.record.durable()
            shutil.copytree(
                tmp_path / "whole",
                tmp_path / "run",
                symlinks=True,
                ignore=shutil.ignore_patterns("control"),
            )
            tasks.cancel_scope.cancel()

    return go


async def look_back(
    directory: Path, rows: Any, settings: Settings, shelf: Shelf, choices: Choices
) -> Past:
    """Compare what is there with what is asked now, as the command does."""
    draft = directory / "rejects.draft"
    document, standings = read_run_json(directory), stand(directory / "journal")
    async with files.open_rows(draft) as listed:
        intake = Intake(prompts(rows), settings, shelf, listed)
        compared = await compare_rows(intake, standings, choices, document)
    prefill = read_prefill(settings.prefill)
    changed = drift(document, Meant(settings, whole(shelf).schemas, prefill, odds(shelf)))
    given = {"path": "prompts.jsonl", "rows": compared.rows}
    return Past(document, standings, compared, changed, given, draft)


@pytest.fixture
def resume(tmp_path: Path) -> Callable[..., Awaitable[Report]]:
    """Go on with the run in ``tmp_path/"run"``."""

    async def go(
        rows: Any,
        script: Script | Model,
        tools: Iterable[Tool] = (),
        choices: Choices | None = None,
        **options: Any,
    ) -> Report:
        directory, settings = tmp_path / "run", settings_with(options)
        shelf = load_shelf(settings, tools)
        source = source_of(script, settings)
        async with own_existing(directory):
            past = await look_back(directory, rows, settings, shelf, choices or Choices())
            resumption = Resumption(directory, past, choices or Choices())
            async with reopen_run(
                directory, prompts(rows), settings, source, shelf, resumption
            ) as run:
                return await run.finish()

    return go


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Awaitable[Rows]]:
    """Compare rows with the record of the run in ``tmp_path/"run"``."""

    async def compare(
        rows: Any, standings: Any = None, document: Any = None, **options: Any
    ) -> Rows:
        settings = settings_with(options)
        intake = Intake(prompts(rows), settings, load_shelf(settings))
        standings = standings or stand(tmp_path / "run" / "journal")
        return await compare_rows(intake, standings, Choices(), document)

    return compare


@pytest.fixture
def sessions(tmp_path: Path) -> Callable[[], dict[str, Session]]:
    """Fold the run."""
    return lambda: fold_journal(tmp_path / "run" / "journal").sessions


@pytest.fixture
def rows_of(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Read rows by their ids; no id has two."""

    def get(*names: str) -> dict[str, Any]:
        named = names or ("trajectories.jsonl", "failed_trajectories.jsonl")
        lines = [line for n in named for line in (tmp_path / "run" / n).read_bytes().splitlines()]
        rows = {row["id"]: row for row in map(json.loads, lines)}
        assert len(rows) == len(lines)
        return rows

    return get
