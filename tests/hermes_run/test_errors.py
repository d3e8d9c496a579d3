"""What leaves the runner: the fault itself, whatever tasks put around it."""

from __future__ import annotations

import errno
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

import hermes_run.beside
import recorder.opening
from hermes_run import Scripted, run_many
from hermes_run.errors import UsageError, ungrouped
from recorder.disk import Disk
from recorder.errors import JournalError, MisuseError
from recorder.faulty import FaultyDisk


class BadFor(FaultyDisk):
    """Fails when something is written into the file of this name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._bad: set[int] = set()

    def extend(self, path: Path) -> int:
        """Remember the file."""
        descriptor = super().extend(path)
        if path.name == self._name:
            self._bad.add(descriptor)
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write, or fail."""
        if descriptor in self._bad:
            raise OSError(errno.EIO, "bad")
        return super().write(descriptor, content)


PLACES = pytest.mark.parametrize("name", ["trajectories.jsonl", "rejects.jsonl"])
ROWS: list[dict[str, Any]] = [{"nothing": 1}, {"prompt": "x"}, {"prompt": "y"}]


def put(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """Let everything be written with *disk*."""
    for module in (recorder.opening, hermes_run.beside):
        monkeypatch.setattr(module, "Disk", lambda: disk)


@PLACES
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_fault_of_the_record_leaves_a_run_as_it_is(
    start_run: Any, monkeypatch: pytest.MonkeyPatch, name: str, concurrency: int
):
    """Its cause is what the disk has said."""
    put(monkeypatch, BadFor(name))
    async with start_run(ROWS, ["a", "b"], concurrency=concurrency) as run:
        with pytest.raises(JournalError, match="can't be written") as raised:
            await run.finish()
    assert isinstance(raised.value.__cause__, OSError)


@PLACES
async def test_a_fault_of_the_record_leaves_the_sessions_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    """Whoever runs many can write ``except JournalError``."""
    put(monkeypatch, BadFor(name))
    sessions = run_many(ROWS, model=Scripted(["a", "b"]), record=tmp_path / "r")
    with pytest.raises(JournalError, match="can't be written"):
        [session async for session in sessions]


async def test_a_fault_of_the_record_is_heard_also_by_who_does_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It comes where a session was being looked at, inside ``aclosing``."""
    put(monkeypatch, BadFor("failed_trajectories.jsonl"))

    class Breaking:
        async def reply(self, request: Any) -> Any:
            if request.messages[-1].content == "bad":
                raise ValueError("broken")
            return await Scripted(["a"]).reply(request)

    async def look() -> None:
        rows = ["good", "bad"]
        async with aclosing(run_many(rows, model=Breaking(), record=tmp_path / "r")) as sessions:
            async for _ in sessions:
                await anyio.sleep_forever()

    with pytest.raises(JournalError, match="can't be written"):
        await look()


async def test_a_bad_row_leaves_a_strict_run_as_it_is(start_run: Any):
    """As documented."""
    async with start_run(ROWS, ["a"], strict=True) as run:
        with pytest.raises(UsageError, match="line 1"):
            await run.finish()


async def test_what_drawing_prompts_raises_leaves_the_sessions_as_it_is(tmp_path: Path):
    """It is the caller's own."""
    prompts = (f"{1 // number}" for number in (1, 0))
    sessions = run_many(prompts, model=Scripted(["a"]), record=tmp_path / "r")
    with pytest.raises(ZeroDivisionError):
        [session async for session in sessions]


def test_of_several_faults_that_of_the_record_weighs_most():
    """Then any that is documented; of unknown ones all are told."""
    journal, usage, misuse = JournalError("j"), UsageError("u"), MisuseError("m")
    unknown = [ValueError("v"), KeyError("k")]
    for inner, chosen in [
        ([*unknown, usage, journal], journal),
        ([ValueError("v"), misuse, usage], misuse),
    ]:
        with pytest.raises(type(chosen)) as raised, ungrouped():
            raise ExceptionGroup("outer", [ExceptionGroup("inner", inner)])
        assert raised.value is chosen
    with pytest.raises(ExceptionGroup, match="outer"), ungrouped():
        raise ExceptionGroup("outer", unknown)
