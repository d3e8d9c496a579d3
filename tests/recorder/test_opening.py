"""Going on with a record: missing rows are made, superseded ones go, nothing happens twice."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import recorder
from recorder.archive import Archive
from recorder.errors import JournalError, MisuseError, RunDirectoryError, RunLockedError
from recorder.events import SessionResumed
from recorder.faulty import FaultyDisk
from recorder.json_text import decode
from recorder.messages import Outcome
from recorder.opening import reopen_record
from recorder.reader import fold_journal
from recorder.record import Record
from recorder.run_directory import own_existing
from recorder.session import Session
from recorder.settings import JournalSettings
from recorder.standing import stand

COMPLETED, FAILED = "trajectories.jsonl", "failed_trajectories.jsonl"

Reopen = Callable[..., AbstractAsyncContextManager[Record]]


@pytest.fixture
def reopen(tmp_path: Path) -> Reopen:
    """Own the run directory and go on with its record."""

    @asynccontextmanager
    async def opened(directory: Path = tmp_path / "run", **options: Any):
        async with own_existing(directory):
            past = stand(directory / "journal")
            async with reopen_record(directory, past, **options) as record:
                yield record

    return opened


@pytest.fixture
async def failed(tmp_path: Path) -> Path:
    """Record a run of two sessions that failed, and of one that completed."""
    outcomes: dict[str, Outcome] = {"a": "model_error", "b": "interrupted", "c": "completed"}
    async with recorder.open(tmp_path / "run", "the-run") as record:
        for name, outcome in outcomes.items():
            recording = await record.start([], [{"name": "f"}], id=name)
            await recording.end(outcome)
            await record.finish(recording.session)
    return tmp_path / "run"


def taken(directory: Path, name: str) -> Session:
    """Take a session out of the journal, as a resumption does."""
    return Archive(directory / "journal", [name]).fold(name)


def rows(directory: Path, name: str) -> list[tuple[str, str]]:
    """The sessions and outcomes of a file of rows."""
    lines = (directory / name).read_bytes().splitlines()
    return [(row["id"], row["outcome"]) for row in map(decode, lines)]


async def test_a_session_that_goes_on_ends_with_one_row(failed: Path, reopen: Reopen):
    """Until the run ends the old row stays; then there is the new one only."""
    async with reopen() as record:
        recording = await record.resume(taken(failed, "a"), drift=["model"])
        await recording.model_replied(text="done")
        await recording.end()
        await record.finish(recording.session)
        assert rows(failed, FAILED) == [("a", "model_error"), ("b", "interrupted")]
    assert rows(failed, FAILED) == [("b", "interrupted")]
    assert rows(failed, COMPLETED) == [("c", "completed"), ("a", "completed")]
    session = fold_journal(failed / "journal").sessions["a"]
    assert (session.attempt, session.drift, session.replies) == (2, ("model",), 1)


async def test_the_run_goes_on_in_a_segment_of_its_own_under_its_name(failed: Path, reopen: Reopen):
    """What another process wrote is never appended to; statistics go on, too."""
    (before,) = (failed / "journal").iterdir()
    content = before.read_bytes()
    async with reopen() as record:
        assert record.run == "the-run"
        recording = await record.start([], id="d")
        await recording.end()
        await record.finish(recording.session)
    assert before.read_bytes() == content
    assert len(list((failed / "journal").iterdir())) == 2
    statistics: Any = decode((failed / "statistics.json").read_bytes())
    assert statistics["started"] == 4
    assert statistics["outcomes"] == {"completed": 2, "interrupted": 1, "model_error": 1}
    assert {decode(line)["run"] for line in (failed / COMPLETED).read_bytes().splitlines()} == {
        "the-run"
    }


async def test_rows_that_a_crash_left_out_are_there_before_anything_goes_on(
    failed: Path, reopen: Reopen
):
    """The process died between the end of a session and its row."""
    (failed / FAILED).unlink()
    (failed / COMPLETED).write_bytes(b'{"id": "c", "torn')
    async with reopen():
        assert rows(failed, FAILED) == [("a", "model_error"), ("b", "interrupted")]
        assert rows(failed, COMPLETED) == [("c", "completed")]


async def test_a_crash_amid_a_resumed_run_is_mended_by_the_next(
    failed: Path, reopen: Reopen, tmp_path: Path
):
    """Rows of earlier attempts go, and rows that were not written come."""
    async with reopen() as record:
        one = await record.resume(taken(failed, "a"))
        await one.end("refused")
        await record.finish(one.session)
        two = await record.resume(taken(failed, "b"))
        await two.end()  # and the process dies before the row
        crashed = shutil.copytree(failed, tmp_path / "crashed")
    async with reopen(crashed):
        assert rows(crashed, FAILED) == [("a", "refused")]
        assert rows(crashed, COMPLETED) == [("c", "completed"), ("b", "completed")]


async def test_a_session_that_was_not_finished_when_all_was_cancelled_has_no_old_row(
    failed: Path, reopen: Reopen
):
    """Its last word is the resumption; the next time it goes on from there."""
    with anyio.CancelScope() as scope:
        async with reopen() as record:
            await record.resume(taken(failed, "a"))
            await record.durable()
            scope.cancel()
            await anyio.sleep_forever()
    assert rows(failed, FAILED) == [("b", "interrupted")]
    async with reopen() as record:
        recording = await record.resume(taken(failed, "a"))
        assert (recording.session.attempt, recording.session.stalled) == (3, 1)


async def test_a_row_that_was_cancelled_on_a_full_disk_is_made_later(
    tmp_path: Path, reopen: Reopen, disk: FaultyDisk, until: Any
):
    """The end is in the journal, and that is what counts."""
    async with recorder.open(tmp_path / "run", disk=disk) as record:
        recording = await record.start([], id="a")
        await recording.end()
        disk.room = 10
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record.finish, recording.session)
            await until(lambda: record.paused)
            tasks.cancel_scope.cancel()
        disk.mend()
    assert (tmp_path / "run" / COMPLETED).read_bytes() == b""
    async with reopen():
        assert rows(tmp_path / "run", COMPLETED) == [("a", "completed")]


async def test_a_session_may_go_on_in_the_record_that_began_it(tmp_path: Path):
    """It, too, is left with the row of its last attempt."""
    outcomes: tuple[Outcome, ...] = ("interrupted", "limit", "completed")
    async with recorder.open(tmp_path / "run") as record:
        recording = await record.start([], id="a")
        for outcome in outcomes:
            await recording.end(outcome)
            await record.finish(recording.session)
            if outcome != "completed":
                recording = await record.resume(recording.session)
    assert rows(tmp_path / "run", FAILED) == []
    assert rows(tmp_path / "run", COMPLETED) == [("a", "completed")]


async def test_a_completed_session_may_go_on_too(failed: Path, reopen: Reopen):
    """Its row moves to the other file when it fails."""
    async with reopen() as record:
        recording = await record.resume(taken(failed, "c"), anew=True)
        await recording.end("refused")
        await record.finish(recording.session)
    assert rows(failed, COMPLETED) == []
    assert rows(failed, FAILED)[-1] == ("c", "refused")


async def test_nobody_goes_on_with_what_somebody_else_does(failed: Path, reopen: Reopen):
    """Two events with one number would make the journal unreadable."""
    async with reopen() as record:
        session = taken(failed, "a")
        recording = await record.resume(session)
        for wrong in (session, recording.session):
            with pytest.raises(MisuseError, match="'a' goes on already"):
                await record.resume(wrong)
        here = await record.start([], id="d")
        with pytest.raises(MisuseError, match="'d' goes on already"):
            await record.resume(here.session)
        for name in ("a", "c", "d"):
            with pytest.raises(MisuseError, match=f"session {name!r} "):
                await record.start([], id=name)
        with pytest.raises(MisuseError, match="before the session started"):
            await record.resume(Session(id="x"))
    assert len(fold_journal(failed / "journal").sessions) == 4


async def test_two_who_go_on_with_one_session_at_once_are_one_too_many(
    failed: Path, reopen: Reopen
):
    """Also while others are still being told of the first."""
    session, arrived = taken(failed, "a"), anyio.Event()

    class Slow:
        async def __call__(self, event: Any) -> None:
            """Wait for the other."""
            if isinstance(event, SessionResumed):
                arrived.set()
                await anyio.sleep_forever()

    async with reopen() as record, anyio.create_task_group() as tasks:
        record.send_also_to(Slow())
        tasks.start_soon(record.resume, session)
        with anyio.fail_after(20):
            await arrived.wait()
        with pytest.raises(MisuseError, match="goes on already"):
            await record.resume(session)
        tasks.cancel_scope.cancel()


async def test_a_stale_copy_of_a_session_is_refused(failed: Path, reopen: Reopen):
    """Its attempt is not the last one that the journal knows."""
    stale = taken(failed, "a")
    async with reopen() as record:
        recording = await record.resume(stale)
        await recording.end("interrupted")
        await record.finish(recording.session)
    async with reopen() as record:
        with pytest.raises(MisuseError, match="goes on already"):
            await record.resume(stale)


async def test_a_run_that_somebody_owns_is_not_opened(failed: Path, reopen: Reopen):
    """The text names the process."""
    async with reopen():
        with pytest.raises(RunLockedError, match="in use by process"):
            async with reopen():
                pass


async def test_rows_that_can_not_be_mended_stop_everything(
    failed: Path, reopen: Reopen, disk: FaultyDisk
):
    """Before anything is recorded."""
    (failed / FAILED).unlink()
    disk.fail("write", errno.EIO)
    before = sorted((failed / "journal").iterdir())
    with pytest.raises(JournalError, match="the rows can't be put in order"):
        async with reopen(disk=disk):
            pass
    assert sorted((failed / "journal").iterdir()) == before


async def test_old_rows_that_can_not_be_dropped_are_told_and_mended_later(
    failed: Path, reopen: Reopen, disk: FaultyDisk
):
    """Everything else is on disk by then."""

    async def go_on() -> None:
        async with reopen(disk=disk) as record:
            recording = await record.resume(taken(failed, "a"))
            await recording.end()
            await record.finish(recording.session)
            disk.fail("rename", errno.EIO, after=1)

    with pytest.raises(JournalError, match="the rows can't be put in order"):
        await go_on()
    assert rows(failed, FAILED) == [("a", "model_error"), ("b", "interrupted")]
    async with reopen():
        assert rows(failed, FAILED) == [("b", "interrupted")]


async def test_a_record_that_failed_touches_no_row(failed: Path, reopen: Reopen, disk: FaultyDisk):
    """What the journal does not have is not made up."""

    async def go_on() -> None:
        async with reopen(disk=disk, settings=JournalSettings(sync="event")) as record:
            disk.fail("sync", errno.EIO)
            await record.resume(taken(failed, "a"))

    with pytest.raises(JournalError, match="Input/output"):
        await go_on()
    assert rows(failed, FAILED) == [("a", "model_error"), ("b", "interrupted")]


async def test_rows_that_can_not_be_opened_are_told(failed: Path, reopen: Reopen, disk: FaultyDisk):
    """Nothing goes on without a place for its rows."""
    disk.fail("extend", errno.EACCES)
    with pytest.raises(RunDirectoryError, match="can't be used"):
        async with reopen(disk=disk):
            pass


async def test_a_folder_without_a_run_is_no_record(tmp_path: Path, reopen: Reopen):
    """Neither one that is not there nor one that is empty."""
    for directory in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(RunDirectoryError, match="holds no run"):
            async with reopen(directory):
                pass
