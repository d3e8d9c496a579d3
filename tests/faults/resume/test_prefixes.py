"""Any prefix of a journal resumes to the rows of the run that was not cut."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zlib import crc32

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from hermes_run.config import Settings
from hermes_run.intake import Intake
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.resume import Choices, Past, Resumption, compare_rows
from hermes_run.run import Report, open_run, reopen_run
from hermes_run.run_json import read_run_json
from hermes_run.tools.schema import tool
from hermes_run.tools.toolsets import load_shelf
from recorder.events import Event, ModelReplied
from recorder.json_text import encode
from recorder.messages import ToolCall, Usage
from recorder.reader import Entry, read
from recorder.run_directory import own_existing
from recorder.standing import stand

ROWS: tuple[dict[str, Any], ...] = (
    {"id": "a", "prompt": "first \u2028 of all", "note": "kept"},
    {"id": "b", "prompt": "second", "workspace": {"there": "1"}, "verify": "test -f there"},
    {"id": "c", "prompt": "third", "workspace": {"here": "1"}, "verify": "test -f there"},
)
SETTINGS = Settings(model="policy", toolsets=(), concurrency=len(ROWS), sync="none", sandbox="none")
FILES = ("trajectories.jsonl", "failed_trajectories.jsonl")
WHOLE = 1_000
"""Cuts are drawn in thousandths of what there is."""


@tool(effect="pure")
async def double(n: int) -> str:
    """Give twice n."""
    return str(2 * n)


@tool(effect="read")
async def look(name: str) -> str:
    """Look a name up, which fails for some."""
    if len(name) % 2:
        raise ValueError(f"nothing is called {name}")
    return f"{name} is there"


SHELF = load_shelf(SETTINGS, (double, look))


class Policy:
    """A model whose reply is a function of the conversation; ``asked`` counts by prompt and turn.

    It waits a number of turns of the event loop that is such a function too, so that sessions
    interleave.
    """

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()

    async def reply(self, request: Request) -> Reply:
        """Give the reply to what *request* holds."""
        said = [json.loads(message) for message in request.messages]
        turn = sum(message["role"] == "assistant" for message in said)
        first = next(message["content"] for message in said if message["role"] == "user")
        self.asked[first, turn] += 1
        drawn = crc32(b"\n".join(request.messages))
        for _ in range(drawn % 5):
            await anyio.lowlevel.checkpoint()
        usage = Usage(input=len(said), output=drawn % 7, cost_usd=0.25)
        if turn == 3:
            return Reply(text=f"it is {drawn}", finish_reason="stop", usage=usage)
        calls = tuple(_call(turn, place, drawn >> place) for place in range(1 + drawn % 3))
        return Reply(calls=calls, finish_reason="tool_calls", usage=usage, reasoning=f"{drawn}")


def _call(turn: int, place: int, drawn: int) -> ToolCall:
    name = f"call_{turn}_{place}"
    if drawn % 2:
        return ToolCall(name, "double", json.dumps({"n": drawn % 100}))
    return ToolCall(name, "look", json.dumps({"name": "x" * (drawn // 2 % 8)}))


class Base(NamedTuple):
    """The run that nobody cut: its folder, its one segment, its rows and how often it asked."""

    folder: Path
    segment: str
    content: bytes
    rows: dict[str, dict[str, Any]]
    asked: Counter[tuple[str, int]]

    def __repr__(self) -> str:
        """Keep a failure readable."""
        return f"Base({self.segment}, {len(self.content)} bytes)"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Record the run once."""
    folder, model = tmp_path_factory.mktemp("base") / "run", Policy()
    anyio.run(_begin, folder, model)
    (segment,) = (folder / "journal").iterdir()
    return Base(folder, segment.name, segment.read_bytes(), _rows(folder), model.asked)


async def _begin(folder: Path, model: Policy) -> None:
    source = Source(model, "policy", "test")
    async with open_run(folder, _prompts(), SETTINGS, source, SHELF) as run:
        assert (await run.finish()).balanced


async def _resume(folder: Path, model: Policy) -> Report:
    """Go on with the run in *folder* as the command does."""
    choices, rejects = Choices(), folder / "rejects.draft"
    async with own_existing(folder):
        document, standings = read_run_json(folder), stand(folder / "journal")
        standings = msgspec.structs.replace(standings, run=str(document["run"]), unsynced=True)
        rows = await compare_rows(Intake(_prompts(), SETTINGS, SHELF), standings, choices)
        rejects.touch()
        past = Past(document, standings, rows, {}, {}, rejects)
        resumption = Resumption(folder, past, choices)
        source = Source(model, "policy", "test")
        async with reopen_run(folder, _prompts(), SETTINGS, source, SHELF, resumption) as run:
            return await run.finish()


async def _prompts() -> AsyncIterator[Prompt | Reject]:
    reading = Reading()
    for number, row in enumerate(ROWS, start=1):
        yield reading.row(number, encode(row))


def _rows(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the rows by id, without when they were made and in how many attempts."""
    found: dict[str, dict[str, Any]] = {}
    for name in FILES:
        for line in (folder / name).read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            assert row["id"] not in found, f"{row['id']} has two rows"
            found[row["id"]] = {key: value for key, value in row.items() if key != "timing"}
    return found


def _facts(folder: Path) -> dict[str, list[Event]]:
    """Read the facts of each session in their order."""
    facts: dict[str, list[Event]] = {}
    for entry in read(folder / "journal"):
        if isinstance(entry, Entry) and entry.event.session:
            facts.setdefault(entry.event.session, []).append(entry.event)
    return facts


def _recorded(folder: Path) -> Counter[tuple[str, int]]:
    """Say which replies are recorded, as :class:`Policy` counts what it is asked."""
    prompts = {f"{row['id']}-0": row["prompt"] for row in ROWS}
    found: Counter[tuple[str, int]] = Counter()
    for name, facts in _facts(folder).items():
        replies = sum(isinstance(fact, ModelReplied) for fact in facts)
        found.update((prompts[name], turn) for turn in range(replies))
    return found


def _crash(folder: Path, segment: str, size: int, row_share: int) -> None:
    """Leave of a run that is over what a process that died earlier may have left."""
    with (folder / "journal" / segment).open("rb+") as file:
        file.truncate(size)
    for name in FILES:
        with (folder / name).open("rb+") as file:
            file.truncate((folder / name).stat().st_size * row_share // WHOLE)


def _go_on(folder: Path, base: Base) -> None:
    """Resume and hold the run against the one that was not cut."""
    before, recorded = _facts(folder), _recorded(folder)
    journal = {path: path.read_bytes() for path in (folder / "journal").iterdir()}
    model = Policy()
    report = anyio.run(_resume, folder, model)
    assert report.balanced
    assert report.statistics.usage.cost_usd == 0.25 * base.asked.total()
    assert _rows(folder) == base.rows
    assert model.asked == base.asked - recorded
    assert {path: path.read_bytes() for path in journal} == journal
    after = _facts(folder)
    assert {name: after[name][: len(facts)] for name, facts in before.items()} == before


def _size_after(content: bytes, events: int) -> int:
    """Give where the first *events* lines end."""
    return sum(len(line) + 1 for line in content.split(b"\n")[:events])


shares = st.integers(0, WHOLE)
phases = (Phase.explicit, Phase.generate)  # a smaller cut is no simpler, and each is a whole run


@settings(max_examples=24, phases=phases)
@given(at=shares, inside=shares, rows=shares)
@example(at=0, inside=0, rows=0)
@example(at=0, inside=500, rows=0)
@example(at=WHOLE, inside=0, rows=0)
@example(at=WHOLE, inside=0, rows=WHOLE)
def test_any_prefix_of_a_journal_resumes_to_the_same_rows(
    base: Base, at: int, inside: int, rows: int
) -> None:
    """Nothing recorded is asked for again or changed, cut between two events or within one."""
    events = base.content.count(b"\n") * at // WHOLE
    start, end = _size_after(base.content, events), _size_after(base.content, events + 1)
    cut = start + (end - start) * inside // WHOLE
    with TemporaryDirectory() as above:
        folder = Path(above) / "run"
        shutil.copytree(base.folder, folder)
        _crash(folder, base.segment, min(cut, len(base.content)), rows)
        _go_on(folder, base)


@settings(max_examples=12, phases=phases)
@given(first=shares, second=shares, rows=shares)
@example(first=500, second=0, rows=0)
def test_a_run_that_crashed_twice_resumes_to_the_same_rows(
    base: Base, first: int, second: int, rows: int
) -> None:
    """The segment of the resumption is cut in its turn, at any byte."""
    with TemporaryDirectory() as above:
        folder = Path(above) / "run"
        shutil.copytree(base.folder, folder)
        _crash(folder, base.segment, len(base.content) * first // WHOLE, rows)
        _go_on(folder, base)
        later = max((folder / "journal").iterdir(), key=lambda path: path.name)
        _crash(folder, later.name, later.stat().st_size * second // WHOLE, rows)
        _go_on(folder, base)
