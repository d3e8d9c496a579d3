"""One session with calls of every effect class, what a crash at any moment left, and going on."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from hermes_run.config import Settings
from hermes_run.intake import Intake
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.resume import Choices, Past, Resumption, compare_rows
from hermes_run.run import Report, Run, open_run, reopen_run
from hermes_run.run_json import read_run_json
from hermes_run.tools.schema import tool
from hermes_run.tools.shelf import Shelf
from hermes_run.tools.tool import Context
from hermes_run.tools.toolsets import load_shelf
from recorder.events import Event, ModelReplied, SessionEnded, ToolReturned, ToolStarted
from recorder.json_text import encode
from recorder.messages import ToolCall, Usage
from recorder.reader import Entry, read
from recorder.run_directory import own_existing
from recorder.standing import stand

TURNS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("double", "1"),),
    (("look", "2"),),
    (("note", "3"),),
    (("look", "4"), ("double", "5")),
    (("note", "6"), ("look", "7"), ("note", "8")),
    (("send", "9"),),
    (("look", "10"), ("send", "11")),
)
"""The calls of each turn; after them the model answers. No call has the argument of another."""

CALLS = {number: name for turn in TURNS for name, number in turn}
LAST = len(TURNS)
PRICE = Usage(input=6, output=4, cost_usd=0.5)
ROW = {"id": "row", "prompt": "do it all"}


class Stage:
    """Where one session is played; ``ran`` are the calls that ran, ``asked`` the turns asked for.

    After every event and within every call and reply the run directory is copied to *moments*,
    where one is given: that is what a crash leaves there.
    """

    def __init__(self, directory: Path, moments: Path | None = None) -> None:
        self.directory = directory
        self.ran: list[str] = []
        self.asked: list[int] = []
        self.said: list[str] = []
        self._moments = moments
        self._run: Run | None = None
        self._taken = 0

    async def play(self, run: Run) -> Report:
        """Run the session to its end."""
        self._run = run
        run.record.send_also_to(self)
        return await run.finish()

    async def __call__(self, event: Event) -> None:
        """Keep the moment after *event*."""
        await self.keep(str(type(event).__struct_config__.tag))

    async def keep(self, name: str) -> None:
        """Copy what is on disk now."""
        if self._moments and self._run:
            await self._run.record.durable()
            shutil.copytree(self.directory, self._moments / f"{self._taken:02}-{name}")
            self._taken += 1

    async def reply(self, request: Request) -> Reply:
        """Give the reply that is due in this conversation."""
        self.said = [json.loads(message)["content"] for message in request.messages]
        roles = [json.loads(message)["role"] for message in request.messages]
        turn = roles.count("assistant")
        self.asked.append(turn)
        await self.keep("replying")
        if turn == LAST:
            return Reply(text="done", finish_reason="stop", usage=PRICE)
        calls = tuple(
            ToolCall(f"call_{number}", name, json.dumps({"number": number}))
            for name, number in TURNS[turn]
        )
        return Reply(calls=calls, finish_reason="tool_calls", usage=PRICE)

    @property
    def shelf(self) -> Shelf:
        """A tool of each effect class, named in it by what it does."""

        @tool(effect="pure")
        async def double(number: str) -> str:
            """Double."""
            return await self._act(number)

        @tool(effect="read")
        async def look(number: str) -> str:
            """Look."""
            return await self._act(number)

        @tool(effect="external")
        async def send(number: str) -> str:
            """Send."""
            return await self._act(number)

        @tool(effect="workspace")
        async def note(number: str, context: Context) -> str:
            """Add a line to a file of its own, which shows how often it was done."""
            name = f"note-{number:0>2}"
            try:
                before = await context.sandbox.read(name, 1000)
            except FileNotFoundError:
                before = b""
            await context.sandbox.write(name, b"%b%b\n" % (before, number.encode()))
            return await self._act(number)

        return load_shelf(_settings(), (double, look, send, note))

    async def _act(self, number: str) -> str:
        self.ran.append(number)
        await self.keep(f"in_{CALLS[number]}")
        return f"{number} is done"


class Left(NamedTuple):
    """What a crash left of the session: its facts, and what they say of its calls."""

    facts: list[Event]

    @property
    def replies(self) -> int:
        """How many replies are recorded."""
        return sum(isinstance(fact, ModelReplied) for fact in self.facts)

    @property
    def ended(self) -> bool:
        """Whether the end is recorded."""
        return isinstance(self.facts[-1], SessionEnded)

    def left(self) -> list[str]:
        """Name the calls without a result, also those that nobody has asked for yet."""
        done = [fact.call_id for fact in self.facts if isinstance(fact, ToolReturned)]
        return [number for number in CALLS if f"call_{number}" not in done]

    def cut(self, *tools: str) -> list[str]:
        """Name the calls of *tools* that were started and have no result."""
        started = [fact.call_id for fact in self.facts if isinstance(fact, ToolStarted)]
        return [n for n in self.left() if f"call_{n}" in started and CALLS[n] in tools]


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Play the session once, and give what a crash at each of its moments would leave."""
    folder = tmp_path_factory.mktemp("effects")
    stage = Stage(folder / "run", folder / "moments")
    anyio.run(_begin, stage)
    assert sorted(stage.ran) == sorted(CALLS)
    assert stage.asked == list(range(LAST + 1))
    return sorted((folder / "moments").iterdir())


async def _begin(stage: Stage) -> None:
    source = Source(stage, "played", "test")
    async with open_run(stage.directory, _prompts(), _settings(), source, stage.shelf) as run:
        await stage.play(run)


async def _resume(stage: Stage, choices: Choices, settings: Settings) -> Report:
    """Go on with the run in the folder of *stage* as the command does."""
    directory, rejects = stage.directory, stage.directory / "rejects.draft"
    source, shelf = Source(stage, "played", "test"), stage.shelf
    async with own_existing(directory):
        document, standings = read_run_json(directory), stand(directory / "journal")
        rows = await compare_rows(Intake(_prompts(), settings, shelf), standings, choices)
        rejects.touch()
        past = Past(document, standings, rows, {}, {}, rejects)
        resumption = Resumption(directory, past, choices)
        async with reopen_run(directory, _prompts(), settings, source, shelf, resumption) as run:
            return await stage.play(run)


async def _prompts() -> AsyncIterator[Prompt | Reject]:
    yield Reading().row(1, encode(ROW))


def _settings(**options: Any) -> Settings:
    bare = {"model": "played", "toolsets": (), "keep_workspaces": True, "sandbox": "none"}
    return Settings(**{**bare, **options})


def _left(directory: Path) -> Left:
    entries = [each for each in read(directory / "journal") if isinstance(each, Entry)]
    return Left([entry.event for entry in entries if entry.event.session])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


class Gone(NamedTuple):
    """A session that went on: what the crash had left, what was done, and what is there now.

    ``rows`` are those of trajectories, ``failed`` the others. ``notes`` are the calls of this tool
    whose effect is in the workspace, each as often as it took effect; ``found`` were there before.
    """

    name: str
    directory: Path
    before: Left
    after: Left
    stage: Stage
    report: Report
    rows: list[dict[str, Any]]
    failed: list[dict[str, Any]]
    found: list[str]
    notes: list[str]


def _notes(directory: Path) -> list[str]:
    files = sorted((directory / "workspaces" / "row-0").glob("note-*"))
    return [line for file in files for line in file.read_text().split()]


@pytest.fixture
def crashed(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a moment to a folder of its own, where it may be damaged and gone on with."""

    def copy(moment: Path) -> Path:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}-{moment.name}"
        shutil.copytree(moment, folder / "run")
        return folder / "run"

    return copy


@pytest.fixture
def go_on() -> Callable[..., Gone]:
    """Go on with a run directory; the moments of this attempt go to *kept*, where it is given."""

    def resume(
        directory: Path,
        choices: Choices | None = None,
        kept: Path | None = None,
        **options: Any,
    ) -> Gone:
        before, found, stage = _left(directory), _notes(directory), Stage(directory, kept)
        report = anyio.run(_resume, stage, choices or Choices(), _settings(**options))
        return Gone(
            name=directory.parent.name,
            directory=directory,
            before=before,
            after=_left(directory),
            stage=stage,
            report=report,
            rows=_rows(directory / "trajectories.jsonl"),
            failed=_rows(directory / "failed_trajectories.jsonl"),
            found=found,
            notes=_notes(directory),
        )

    return resume
