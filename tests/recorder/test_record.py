"""A record: facts in the journal, rows beside it, whatever becomes of the block around it."""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import recorder
from recorder import files
from recorder.errors import (
    JournalError,
    MisuseError,
    RunDirectoryError,
    RunExistsError,
    RunLockedError,
)
from recorder.events import Event, SessionEnded
from recorder.faulty import FaultyDisk
from recorder.lock import own
from recorder.messages import Message
from recorder.opening import open_record
from recorder.reader import fold_journal
from recorder.session import Session
from recorder.settings import JournalSettings

TS = "2026-11-22T17:00:00.000Z"
TOOLS = ({"type": "function", "function": {"name": "ls", "parameters": {}}},)
Until = Callable[[Callable[[], object]], Awaitable[None]]


def rows(directory: Path, name: str = "trajectories.jsonl") -> list[dict[str, Any]]:
    """The rows in a file of a run directory."""
    return [json.loads(line) for line in (directory / name).read_bytes().splitlines()]


def sessions(directory: Path) -> dict[str, Session]:
    """The sessions in a run's journal."""
    return fold_journal(directory / "journal").sessions


async def test_the_example_of_the_design_leaves_a_row(tmp_path: Path):
    """Somebody else's agent is recorded as it goes."""
    async with (
        recorder.open(tmp_path / "mine") as record,
        record.session(prompt="list", tools=TOOLS, model="m", id="a") as session,
    ):
        calls = [{"id": "c", "name": "ls", "arguments": {"path": "."}}]
        await session.model_replied(text="", calls=calls, usage={"input": 3, "output": 1})
        await session.tool_started("c")
        await session.tool_returned("c", "a.txt")
        await session.model_replied(text="one file")
    (row,) = rows(tmp_path / "mine")
    assert (row["id"], row["outcome"], row["model"]) == ("a", "completed", "m")
    assert row["conversations"][-1]["value"].endswith("one file")
    assert sessions(tmp_path / "mine")["a"].tools == TOOLS
    statistics = json.loads((tmp_path / "mine" / "statistics.json").read_text())
    assert statistics["outcomes"] == {"completed": 1}


async def test_what_a_block_raises_comes_out_as_it_is_and_is_recorded(tmp_path: Path):
    """The session is there with its failure, and no group is around it."""
    with pytest.raises(ZeroDivisionError):
        async with open_record(tmp_path / "r") as record, record.session("x", id="a"):
            raise ZeroDivisionError("broken")
    (row,) = rows(tmp_path / "r", "failed_trajectories.jsonl")
    assert (row["outcome"], row["error"]) == ("tool_error", "ZeroDivisionError: broken")


async def test_a_cancelled_block_is_recorded_as_interrupted(tmp_path: Path):
    """What was said until then is kept."""
    with anyio.CancelScope() as scope:
        async with (
            open_record(tmp_path / "r") as record,
            record.session("x", id="a") as session,
        ):
            await session.model_replied(text="thinking", calls=[{"id": "c", "name": "ls"}])
            scope.cancel()
            await anyio.sleep_forever()
    (row,) = rows(tmp_path / "r", "failed_trajectories.jsonl")
    assert row["outcome"] == "interrupted"
    assert sessions(tmp_path / "r")["a"].replies == 1


async def test_a_block_may_end_its_session_itself(tmp_path: Path):
    """Then it is not ended again, also where the block fails afterwards."""
    directory = tmp_path / "r"

    async def refuse(then: type[Exception] | None) -> None:
        async with record.session([Message("user", "x")]) as session:
            await session.end("refused", reason="asked for harm")
            if then:
                raise then

    async with open_record(directory) as record:
        with pytest.raises(KeyError):
            await refuse(then=KeyError)
        await refuse(then=None)
    written = rows(directory, "failed_trajectories.jsonl")
    assert [row["outcome"] for row in written] == ["refused"] * 2


async def test_an_id_is_used_once(tmp_path: Path):
    """Two sessions with one id could not be told apart in the journal."""
    async with open_record(tmp_path / "r") as record:
        async with record.session("x", id="a"):
            with pytest.raises(MisuseError, match="'a'"):
                await record.start([Message("user", "y")], id="a")
        with pytest.raises(MisuseError, match="'a' already"):
            async with record.session("y", id="a"):
                pass
    assert list(sessions(tmp_path / "r")) == ["a"]


async def test_a_session_that_could_not_begin_leaves_nothing(tmp_path: Path):
    """A field of the wrong shape raises before anything is kept."""
    async with open_record(tmp_path / "r") as record:
        with pytest.raises(MisuseError):
            async with record.session("x", model=3):  # type: ignore[arg-type]
                pass
        with pytest.raises(MisuseError, match="JSON schemas"):
            await record.start([], tools=["ls"])  # type: ignore[list-item]
    assert sessions(tmp_path / "r") == {}
    assert rows(tmp_path / "r", "failed_trajectories.jsonl") == []


async def test_tools_are_declared_once(tmp_path: Path):
    """However many sessions have them."""
    async with open_record(tmp_path / "r") as record:
        for _ in range(3):
            async with record.session("x", tools=TOOLS):
                pass
    text = b"".join(path.read_bytes() for path in (tmp_path / "r" / "journal").iterdir())
    assert text.count(b'"tools_declared"') == 1


async def test_a_session_has_a_row_when_it_has_ended(tmp_path: Path):
    """Not before."""
    async with open_record(tmp_path / "r") as record:
        recording = await record.start([Message("user", "x")])
        with pytest.raises(MisuseError, match="has not ended"):
            await record.finish(recording.session)
        await recording.end()
        await record.finish(recording.session)
    assert len(rows(tmp_path / "r")) == 1


async def test_other_sinks_get_what_the_journal_has(tmp_path: Path):
    """One that raises is heard where the fact was recorded, and the fact is recorded."""
    seen: list[str] = []
    before: list[str] = []
    behind: list[str] = []

    async def note(event: Event) -> None:
        seen.append(type(event).__name__)
        if len(seen) == 2:
            raise ZeroDivisionError("a broken view")

    async def note_before(event: Event) -> None:
        before.append(type(event).__name__)

    async def note_behind(event: Event) -> None:
        behind.append(type(event).__name__)

    async with open_record(tmp_path / "r") as record:
        for sink in (note_before, note, note_behind):
            record.send_also_to(sink)
        recording = await record.start([Message("user", "x")], id="a")
        with pytest.raises(ZeroDivisionError):
            await recording.model_replied(text="y")
        seen.clear()
        await record(SessionEnded(session="a", seq=2, ts=TS, outcome="completed"))
    assert seen == ["SessionEnded"]
    assert before == ["SessionStarted", "ModelReplied", "SessionEnded"]
    assert behind == ["SessionStarted", "SessionEnded"]  # it stands behind the one that raised
    assert sessions(tmp_path / "r")["a"].replies == 1
    assert sessions(tmp_path / "r")["a"].ended


async def test_a_session_goes_on_once_at_a_time(tmp_path: Path):
    """Somebody who holds an old state of it is refused."""
    async with open_record(tmp_path / "r") as record:
        recording = await record.start([Message("user", "x")], id="a")
        with pytest.raises(MisuseError, match="goes on already"):
            await record.resume(recording.session)
        await recording.end("interrupted")
        ended = recording.session
        again = await record.resume(ended, drift=["model"])
        assert (again.session.attempt, again.session.drift) == (2, ("model",))
        with pytest.raises(MisuseError, match="goes on already"):
            await record.resume(ended)
        await again.end()
        await record.finish(again.session)


async def test_a_directory_with_a_run_is_refused(tmp_path: Path):
    """The text says what to type."""
    async with open_record(tmp_path / "r"):
        pass
    with pytest.raises(RunExistsError, match="hermes-run resume"):
        async with open_record(tmp_path / "r"):
            pass


async def test_a_directory_with_rows_is_refused(tmp_path: Path):
    """Somebody else's rows are not mixed with new ones."""
    (tmp_path / "trajectories.jsonl").write_text("{}\n")
    with pytest.raises(RunExistsError, match="holds rows"):
        async with open_record(tmp_path):
            pass


async def test_a_directory_that_somebody_owns_is_refused(tmp_path: Path):
    """The text names the process."""
    with own(tmp_path), pytest.raises(RunLockedError, match="in use by process"):
        async with open_record(tmp_path):
            pass


async def test_a_path_that_is_no_directory_is_refused(tmp_path: Path):
    """A file can't hold a run."""
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="can't be used"):
        async with open_record(tmp_path / "file" / "r"):
            pass
    with pytest.raises(RunDirectoryError, match="can't be used"):
        async with open_record(tmp_path / "file"):
            pass


async def test_rows_that_can_not_be_opened_refuse_the_run(tmp_path: Path, disk: FaultyDisk):
    """Before anything is recorded."""
    disk.fail("extend", errno.EACCES)
    with pytest.raises(RunDirectoryError, match="can't be used"):
        async with open_record(tmp_path, disk=disk):
            pass


async def test_a_row_that_can_not_be_written_is_a_failure_of_the_record(
    tmp_path: Path, disk: FaultyDisk
):
    """The journal has the session all the same."""
    async with open_record(tmp_path, disk=disk) as record:
        recording = await record.start([Message("user", "x")], id="a")
        await recording.end()
        disk.fail("write", errno.EIO, times=1)
        with pytest.raises(JournalError, match="a row can't be written"):
            await record.finish(recording.session)
    assert sessions(tmp_path)["a"].ended


async def test_a_row_waits_for_room(tmp_path: Path, disk: FaultyDisk, until: Until):
    """While the disk is full the record says so, and nothing is lost."""
    async with open_record(tmp_path, disk=disk) as record:
        recording = await record.start([Message("user", "x")])
        await recording.end()
        disk.room = 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record.finish, recording.session)
            await until(lambda: record.paused)
            disk.mend()
    assert len(rows(tmp_path)) == 1


async def test_a_record_that_waits_no_more_fails_for_want_of_room(tmp_path: Path, disk: FaultyDisk):
    """Of a row, and of a fact: each is an error as any other."""

    async def record_one() -> None:
        async with open_record(tmp_path, disk=disk) as record:
            recording = await record.start([Message("user", "x")])
            await recording.end()
            disk.room = 0
            record.wait_no_more()
            with pytest.raises(JournalError, match="a row can't be written"):
                await record.finish(recording.session)
            await record.start([Message("user", "x")])
            await record.durable()

    with pytest.raises(JournalError, match="the record can't be written"):
        await record_one()


async def test_rows_that_could_not_be_synced_are_told_of(tmp_path: Path, disk: FaultyDisk):
    """At the end, when they might be lost."""

    async def record_one() -> None:
        async with open_record(tmp_path, settings=JournalSettings(sync="none"), disk=disk) as made:
            async with made.session("x"):
                pass
            await made.write_statistics()
            disk.fail("sync", errno.EIO, after=1)

    with pytest.raises(JournalError, match="could not be made durable"):
        await record_one()


async def test_statistics_that_can_not_be_written_are_told_of(tmp_path: Path, disk: FaultyDisk):
    """Now or when the record is closed."""

    async def write() -> None:
        async with open_record(tmp_path, disk=disk) as record:
            disk.fail("rename", errno.EIO)
            await record.write_statistics()

    with pytest.raises(JournalError, match="statistics can't be written"):
        await write()


async def test_statistics_wait_for_room(
    tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
):
    """A disk that is full for a moment is no failure."""
    monkeypatch.setattr(files, "RETRY_S", 0.0)
    async with open_record(tmp_path, disk=disk) as record:
        disk.fail("rename", errno.ENOSPC, times=2)
        await record.write_statistics()
    assert disk.calls.count("rename") >= 3


async def test_statistics_tell_of_nothing_that_is_not_durable(tmp_path: Path, disk: FaultyDisk):
    """Facts that wait for room are not counted yet: they may never be there."""
    async with open_record(tmp_path, settings=JournalSettings(retry_s=0.01), disk=disk) as record:
        disk.fail("write", errno.ENOSPC)
        recording = await record.start([Message("user", "x")])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record.write_statistics)
            while not record.paused:  # noqa: ASYNC110  # the disk has no event for it
                await anyio.sleep(0.001)
            tasks.start_soon(recording.writable)
            assert not (tmp_path / "statistics.json").exists()
            disk.mend()
    assert json.loads((tmp_path / "statistics.json").read_text())["started"] == 1


async def test_a_record_that_failed_writes_no_statistics(tmp_path: Path, disk: FaultyDisk):
    """They would tell of facts that are not there."""

    async def end() -> None:
        async with open_record(tmp_path, disk=disk) as record:
            recording = await record.start([Message("user", "x")])
            disk.fail("write", errno.EIO)
            await recording.end()

    with pytest.raises(JournalError, match="the record can't be written"):
        await end()
    assert not (tmp_path / "statistics.json").exists()


async def test_files_are_for_their_owner_only(tmp_path: Path):
    """Prompts and answers may be anybody's secrets."""
    async with open_record(tmp_path / "r") as record, record.session("x"):
        pass
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "r").rglob("*")}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o700
