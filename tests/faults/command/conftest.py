"""Runs of the real command that something befalls, and what must be true of them all the same."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from hermes_run.sandboxes.fencing import VARIABLE, marks
from recorder.events import Event, ModelReplied, SessionEnded, SessionStarted
from recorder.reader import Entry, read

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "prompts.jsonl"
RUN = Path("runs/mine")
MOMENTARY = ("timing", "run", "provider")
"""Keys of a row that depend on the time and on the endpoint's port."""


class Past:
    """What a journal held at some moment: the events of each session, each once, in order."""

    def __init__(self, directory: Path) -> None:
        self.sessions: dict[str, list[Event]] = {}
        for entry in read(directory / "journal"):
            if not isinstance(entry, Entry) or not entry.event.session:
                continue
            events = self.sessions.setdefault(entry.event.session, [])
            if entry.event.seq == len(events):
                events.append(entry.event)

    def replies(self) -> set[str]:
        """The marks of the conversations whose replies are recorded."""
        facts = (event for events in self.sessions.values() for event in events)
        ids = (event.response_id or "" for event in facts if isinstance(event, ModelReplied))
        return {name.removeprefix("chatcmpl-") for name in ids}

    def count(self, kind: type[Event]) -> Counter[str]:
        """How many events of *kind* each session has."""
        named = ((name, event) for name, events in self.sessions.items() for event in events)
        return Counter(name for name, event in named if isinstance(event, kind))

    def missing_from(self, later: Past) -> list[str]:
        """The sessions of which *later* does not begin with what was there."""
        return [
            name
            for name, events in self.sessions.items()
            if later.sessions.get(name, [])[: len(events)] != events
        ]


class Whole(NamedTuple):
    """What a run comes to when nobody disturbs it: its rows, and the conversations it asked for."""

    rows: dict[str, Any]
    marks: set[str]


class Watched:
    """A run that something befalls, again and again perhaps; ``whole`` is what it should be.

    Every :meth:`look` takes down what is on disk, and :meth:`check` holds it against the end.
    """

    def __init__(self, endpoint: Any, process: Any, prompts: Path, whole: Whole) -> None:
        self.endpoint = endpoint
        self.whole = whole
        self.looks = 0
        self._process, self._prompts = process, prompts
        self._pasts: list[Past] = []
        self._asked: list[dict[str, int]] = []

    def begin(self, *more: object, concurrency: int = 32, **options: Any) -> subprocess.Popen[str]:
        """Begin the run."""
        typed = [*asked_of(self.endpoint), "--concurrency", concurrency, *more]
        return self._process(*typed, self._prompts, **options)

    def resume(self, *more: object, **options: Any) -> subprocess.Popen[str]:
        """Go on with the run."""
        return self._process("resume", RUN, "--progress", "plain", *more, **options)

    def look(self) -> Past:
        """Take down what is on disk now; what has a row has an end in the journal."""
        self.looks += 1
        rows = rows_of(RUN)  # first, as the run may be going on
        past = Past(RUN)
        assert rows.keys() <= past.count(SessionEnded).keys()
        # A reply that is recorded was asked for before, whatever is still on its way to the server.
        self._asked.append({mark: self.endpoint.asked[mark] for mark in past.replies()})
        self._pasts.append(past)
        return past

    def check(self) -> Past:
        """See that the run is finished as if nothing had befallen it."""
        past = Past(RUN)
        assert past.count(SessionStarted) == dict.fromkeys(self.whole.rows, 1)
        assert all(isinstance(events[-1], SessionEnded) for events in past.sessions.values())
        assert all(before.missing_from(past) == [] for before in self._pasts)
        for asked in self._asked:
            again = {mark for mark, count in asked.items() if self.endpoint.asked[mark] != count}
            assert again == set(), "recorded replies were asked for again"
        assert max(self.endpoint.asked.values()) <= 1 + self.looks
        assert differences(rows_of(RUN), self.whole.rows) == []
        assert self.endpoint.asked.keys() == self.whole.marks
        return past


def asked_of(endpoint: Any) -> list[object]:
    """What is typed to begin a run, but for its prompts."""
    where = ["--model", "m", "--base-url", endpoint.url]
    return [*where, "--name", RUN.name, "--progress", "plain"]


def rows_of(directory: Path) -> dict[str, dict[str, Any]]:
    """Read the complete rows of a run by id, without what is :data:`MOMENTARY`."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("trajectories.jsonl", "failed_trajectories.jsonl"):
        content = (directory / name).read_bytes() if (directory / name).exists() else b""
        for line in content.split(b"\n")[:-1]:
            row = json.loads(line)
            assert row["id"] not in found, f"{row['id']} has two rows"
            found[row["id"]] = {k: v for k, v in row.items() if k not in MOMENTARY}
    return found


def differences(rows: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what is not alike: sessions that have a row in one only, and fields."""
    fields = (
        (name, key)
        for name in rows.keys() & wanted.keys()
        for key in wanted[name]
        if rows[name].get(key) != wanted[name][key]
    )
    return [
        *(rows.keys() ^ wanted.keys()),
        *(f"{name} {key}: {first(rows[name][key], wanted[name][key])}" for name, key in fields),
    ]


def first(one: Any, other: Any) -> str:
    """Show where two values begin to differ."""
    both = list(zip(one, other, strict=False)) if isinstance(one, list) else []
    here, there = next((pair for pair in both if pair[0] != pair[1]), (one, other))
    return f"{str(here)[:400]} is not {str(there)[:400]}"


@pytest.fixture(scope="session")
def wholes() -> dict[Path, Whole]:
    """Keep what was run undisturbed, by its prompts."""
    return {}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one folder for all runs: what tools say has the path of their workspace in it."""
    return tmp_path_factory.mktemp("command")


@pytest.fixture(scope="session")
def few(folder: Path) -> Path:
    """Write a file of eleven tasks, each of three to five turns."""
    kinds = ("count", "log")
    lines = EXAMPLES.read_text().splitlines(keepends=True)
    chosen = [line for line in lines if json.loads(line)["id"].split("-")[0] in kinds]
    (folder / "few.jsonl").write_text("".join(chosen))
    return folder / "few.jsonl"


@pytest.fixture(scope="session")
def examples() -> Path:
    """Give the file of the 64 examples."""
    return EXAMPLES


@pytest.fixture
def watch(new_endpoint, process, finish, wholes, folder, monkeypatch) -> Callable[[Path], Watched]:
    """Give a run over some prompts, of which is known what it comes to undisturbed."""
    monkeypatch.chdir(folder)

    def begin(prompts: Path) -> Watched:
        shutil.rmtree("runs", ignore_errors=True)
        if prompts not in wholes:
            endpoint = new_endpoint()
            done = finish(*asked_of(endpoint), prompts)
            assert done.code == 0, done.err
            assert set(endpoint.asked.values()) == {1}
            wholes[prompts] = Whole(rows_of(RUN), set(endpoint.asked))
            shutil.rmtree("runs")
        return Watched(new_endpoint(), process, prompts, wholes[prompts])

    return begin


@pytest.fixture
def look_at() -> Callable[[str], tuple[Past, dict[str, Any]]]:
    """Read the journal of a run directory and its rows."""

    def look(directory: str) -> tuple[Past, dict[str, Any]]:
        return Past(Path(directory)), rows_of(Path(directory))

    return look


@pytest.fixture
def left_running() -> Callable[[], list[int]]:
    """Name the processes that the sessions of the run have left behind."""

    def look() -> list[int]:
        (mark,) = marks(json.loads((RUN / "run.json").read_bytes())["run"], RUN, "").values()
        return [one.pid for one in psutil.process_iter() if _mark_of(one).startswith(mark)]

    return look


def _mark_of(one: psutil.Process) -> str:
    try:
        return one.environ().get(VARIABLE, "") if one.status() != psutil.STATUS_ZOMBIE else ""
    except (psutil.Error, OSError):
        return ""


@pytest.fixture
def sound(command) -> Callable[[], None]:
    """See that the run verifies, and that its status can be read."""

    def look() -> None:
        verify = command("verify", RUN)
        assert verify.code == 0, verify.out + verify.err
        status = command("status", RUN)
        assert (status.code, status.err) == (0, "")

    return look
