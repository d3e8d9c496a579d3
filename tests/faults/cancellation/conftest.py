"""A small run whose suspensions are counted, and what is left of it when it is cut off at one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import psutil
import pytest

from hermes_run.config import SandboxName, Settings, SyncMode
from hermes_run.intake import Intake
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.resume import Choices, Past, Resumption, compare_rows
from hermes_run.run import Run, open_run, reopen_run
from hermes_run.run_json import read_run_json
from hermes_run.sandboxes.fencing import VARIABLE, fence, marks
from hermes_run.tools.schema import tool
from hermes_run.tools.shelf import Shelf
from hermes_run.tools.toolsets import load_shelf
from recorder import files
from recorder.json_text import encode
from recorder.messages import ToolCall
from recorder.reader import Folded, fold_journal
from recorder.run_directory import FAILED, JOURNAL, TRAJECTORIES, own_existing
from recorder.standing import stand
from recorder.verifying import inspect, survey

ROWS = [{"id": "a", "prompt": "do it", "workspace": {"here.txt": "here"}, "verify": "test -f n"}]
TURNS = 3
COMMAND = "sleep 1000 >/dev/null 2>&1 & test ! -e n && echo made > n && cat here.txt"
"""What the session runs once: it would fail if the workspace had it already, and leaves a child."""

PATIENCE_S = 100
"""A run that hangs is given up so soon that its test can say where, if that can be cancelled."""


@tool(effect="read")
async def look() -> str:
    """Look around."""
    await anyio.lowlevel.checkpoint()
    return "nothing there"


class Model:
    """Gives the turn of a conversation that is due; ``asked`` says which ones were."""

    def __init__(self, command: str = COMMAND) -> None:
        self.asked: list[int] = []
        self._command = command

    async def reply(self, request: Request) -> Reply:
        """Ask for two tools, then for one, then answer."""
        turn = sum(b'"role":"assistant"' in message for message in request.messages)
        self.asked.append(turn)
        await anyio.lowlevel.checkpoint()
        run = ToolCall("run", "terminal", encode({"command": self._command}).decode())
        calls = ((ToolCall("see", "look", "{}"), run), (ToolCall("again", "look", "{}"),), ())[turn]
        return Reply(
            text=f"turn {turn}", calls=calls, finish_reason="tool_calls" if calls else "stop"
        )


class Suspensions:
    """Counts how often tasks wait; at number *at* what is to happen then happens."""

    def __init__(self, at: int) -> None:
        self.happens: Callable[[], object] | None = None
        self.count = 0
        self._at = at

    @property
    def reached(self) -> bool:
        """Whether there were as many."""
        return self.count >= self._at

    def note(self) -> None:
        """Count one."""
        if self.happens is None:
            return
        self.count += 1
        if self.count == self._at:
            self.happens()

    @contextmanager
    def counted(self) -> Generator[None]:
        """Count in all tasks that are begun in this block."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()

        def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
            return asyncio.Task(follow(coroutine, self), loop=loop, **options)

        loop.set_task_factory(make)
        try:
            yield
        finally:
            loop.set_task_factory(before)


class Followed:
    """Awaits *coroutine* and notes whenever it waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspensions: Suspensions) -> None:
        self._coroutine = coroutine
        self._suspensions = suspensions

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass on what it waits for, and what comes of that."""
        raised: BaseException | None = None
        while True:
            try:
                awaited = self._resume(raised)
            except StopIteration as done:
                return done.value
            self._suspensions.note()
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is for the inner one
                raised = error
            else:
                raised = None

    def _resume(self, raised: BaseException | None) -> Any:
        return self._coroutine.throw(raised) if raised else self._coroutine.send(None)


async def follow(coroutine: Coroutine[Any, Any, Any], suspensions: Suspensions) -> Any:
    """Await *coroutine* and note whenever it waits."""
    return await Followed(coroutine, suspensions)


async def rows() -> AsyncIterator[Prompt | Reject]:
    """Read the rows as a file would be read."""
    reading = Reading()
    for number, row in enumerate(ROWS, start=1):
        yield reading.row(number, encode(row))


def shelf() -> Shelf:
    """The terminal, and a tool that only looks."""
    return load_shelf(settings_of("group"), [look])


def settings_of(sync: SyncMode, wall: SandboxName = "none") -> Settings:
    """Settings of all runs here."""
    return Settings(
        model="m",
        toolsets=("terminal",),
        sandbox=wall,
        sync=sync,
        concurrency=2,
        deadline=1000.0,
        tool_timeout=20.0,
    )


class Stage:
    """Where one run is played, in *directory* with the sync mode *sync*; ``model`` is the last."""

    def __init__(self, directory: Path, sync: SyncMode, wall: SandboxName) -> None:
        self.directory = directory
        self.model = Model()
        self._settings = settings_of(sync, wall)

    @asynccontextmanager
    async def opened(self, command: str = COMMAND) -> AsyncGenerator[Run]:
        """Begin the run."""
        self.model = Model(command)
        source, settings = Source(self.model, "m", "test"), self._settings
        async with open_run(self.directory, rows(), settings, source, shelf()) as run:
            yield run

    @asynccontextmanager
    async def reopened(self) -> AsyncGenerator[Run]:
        """Do what ``hermes-run resume`` does, up to where sessions go on."""
        self.model = Model()
        source, settings = Source(self.model, "m", "test"), self._settings
        directory, draft = self.directory, self.directory / ".draft"
        async with own_existing(directory):
            standings = stand(directory / JOURNAL)
            async with files.open_rows(draft) as listed:
                intake = Intake(rows(), settings, shelf(), listed)
                compared = await compare_rows(intake, standings, Choices())
            document, prompts = read_run_json(directory), {"path": "x", "rows": 1}
            past = Past(document, standings, compared, {}, prompts, draft)
            await fence(standings.run, directory)
            again = Resumption(directory, past, Choices())
            async with reopen_run(directory, rows(), settings, source, shelf(), again) as run:
                yield run

    def sound(self) -> Folded:
        """Fold the journal of a run that has nothing wrong with it."""
        verdict = inspect(survey(self.directory))
        assert verdict.sound, verdict.faults
        return fold_journal(self.directory / JOURNAL)

    async def completes(self) -> None:
        """See that the run is sound, goes on without paying twice, and leaves nothing behind."""
        (before,) = self.sound().sessions.values() or (None,)
        await nothing_is_left(self.directory)
        with anyio.fail_after(PATIENCE_S):
            async with self.reopened() as run:
                report = await run.finish()
        assert self.model.asked == list(range(before.replies if before else 0, TURNS))
        assert report.balanced
        (session,) = self.sound().sessions.values()
        assert session.ended
        assert session.ended.outcome == "completed"
        assert session.rewards == {"verify": 1.0}
        self.row_is_written()
        await nothing_is_left(self.directory)

    def row_is_written(self) -> None:
        """See that there is one row, of a session that completed."""
        assert len((self.directory / TRAJECTORIES).read_bytes().splitlines()) == 1
        assert (self.directory / FAILED).read_bytes() == b""


async def nothing_is_left(directory: Path) -> None:
    """See that no process of a run is left; one that was killed may take a moment to be gone."""
    left = left_running(directory)
    with anyio.move_on_after(PATIENCE_S):
        while left:
            await anyio.lowlevel.checkpoint()
            left = left_running(directory)
    assert left == []


def left_running(directory: Path) -> list[str]:
    """Name the processes that the sessions of a run have left behind."""
    (mark,) = marks(str(read_run_json(directory)["run"]), directory, "").values()
    return [told(one) for one in psutil.process_iter() if mark_of(one).startswith(mark)]


def told(one: psutil.Process) -> str:
    """Say what a process is, and what it does."""
    try:
        return f"{one.pid} of {one.ppid()}, {one.status()}: {one.cmdline()}"
    except psutil.Error:
        return f"{one.pid}, which is gone"


def mark_of(one: psutil.Process) -> str:
    """Tell which session a process belongs to, if it does to one."""
    try:
        return one.environ().get(VARIABLE, "") if one.status() != psutil.STATUS_ZOMBIE else ""
    except (psutil.Error, OSError):
        return ""


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    """Give what opens the stage for a sync mode, behind a wall if one is named."""

    def give(sync: SyncMode, wall: SandboxName = "none") -> Stage:
        return Stage(tmp_path / "run", sync, wall)

    return give


@pytest.fixture
def cut() -> Callable[..., AbstractAsyncContextManager[Suspensions]]:
    """Give a block in whose tasks, and in no others, suspensions are counted up to a number."""

    @asynccontextmanager
    async def counting(at: int) -> AsyncGenerator[Suspensions]:
        suspensions = Suspensions(at)
        with suspensions.counted(), anyio.fail_after(PATIENCE_S):
            yield suspensions

    return counting


@pytest.fixture
def crashed() -> Callable[[Stage, Path], Any]:
    """Give what plays a run and copies it as a crash in its only command would leave it."""

    async def play(stage: Stage, image: Path) -> None:
        command = f"{COMMAND} && {{ test -e {image} || cp -a {stage.directory} {image}; }}"
        async with stage.opened(command) as run:
            await run.finish()

    return play
