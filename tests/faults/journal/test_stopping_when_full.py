"""A run that is cancelled while there is no room: it ends, and says what it could not record."""

from __future__ import annotations

import errno

import anyio
import anyio.lowlevel
import pytest

from hermes_run import attempt
from hermes_run.models.protocol import Reply
from recorder.errors import JournalError
from recorder.faulty import FaultyDisk
from recorder.reader import fold_journal
from recorder.run_directory import FAILED, TRAJECTORIES

ROWS = [{"id": name, "prompt": "x"} for name in "ab"]
PATIENCE_S = 240


class Held:
    """A model that replies when it is told; ``asked`` counts requests."""

    def __init__(self):
        self.asked = 0
        self.told = anyio.Event()

    async def reply(self, request):
        """Reply."""
        assert request.messages
        self.asked += 1
        await self.told.wait()
        return Reply(text="done", finish_reason="stop")


class FullFor(FaultyDisk):
    """Has no room in the files that are named, until told otherwise."""

    def __init__(self, *names):
        super().__init__()
        self.is_full = True
        self.refused = 0
        self._names = names
        self._descriptors = set()

    def extend(self, path):
        """Remember what has no room."""
        descriptor = super().extend(path)
        if path.name in self._names:
            self._descriptors.add(descriptor)
        return descriptor

    def write(self, descriptor, content):
        """Refuse what has no room."""
        if self.is_full and descriptor in self._descriptors:
            self.refused += 1
            raise OSError(errno.ENOSPC, "full")
        return super().write(descriptor, content)


@pytest.fixture(autouse=True)
def endless(monkeypatch):
    """Let a session that is cancelled have all the time there is to record its end."""
    monkeypatch.setattr(attempt, "_END_S", 2.0**31)


async def wait_until(is_true):
    """Return when something is true."""
    with anyio.fail_after(PATIENCE_S):
        while not is_true():
            await anyio.lowlevel.checkpoint()


async def stop(run, when):
    """Run until *when* and cancel then, twice as a person would; gives what came of it."""
    came = []

    async def finish():
        try:
            came.append(await run.finish())
        except JournalError as error:
            came.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(finish)
        await wait_until(when)
        run.brake.pull("signal", "told to stop")
        run.cancel()
        run.cancel()
    return came[0]


async def keeping(opening, block):
    """Do *block* in a run whose record fails in the end; gives what came of it."""
    came = []

    async def run_it():
        async with opening as run:
            came.append(await block(run))

    with pytest.raises(JournalError, match="No space left"):
        await run_it()
    return came[0]


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_cancelled_run_waits_for_no_room(tmp_path, disk, start_run, judge, is_known):
    """Whether the disk was known to be full, or is first when the sessions are to have their end.

    What was acknowledged is there.
    """
    model, directory = Held(), tmp_path / "run"

    async def block(run):
        def is_time():
            if model.asked < len(ROWS) or run.record.journal.statistics().durable < len(ROWS):
                return False
            disk.room = 0
            if is_known:
                model.told.set()
            return not is_known or run.record.paused

        return await stop(run, is_time)

    opening = start_run(directory, ROWS, model, disk=disk, concurrency=len(ROWS))
    assert isinstance(await keeping(opening, block), JournalError)
    sessions = fold_journal(directory / "journal").sessions
    assert [(one.seq, one.ended) for one in sessions.values()] == [(1, None)] * len(ROWS)
    assert judge(directory).fault_counts.keys() <= {"rows"}


async def test_a_cancelled_run_uses_the_room_that_there_is_again(tmp_path, disk, start_run, judge):
    """There is one more try, and then every session has its end."""
    model, directory = Held(), tmp_path / "run"
    async with start_run(directory, ROWS, model, disk=disk, concurrency=len(ROWS)) as run:

        def is_time():
            if model.asked == len(ROWS) and not model.told.is_set():
                disk.room = 0
                model.told.set()
            if not run.record.paused:
                return False
            disk.mend()
            return True

        report = await stop(run, is_time)
    assert report.balanced
    assert report.statistics.outcomes.keys() <= {"completed", "interrupted"}
    assert sum(report.statistics.outcomes.values()) == len(ROWS)
    assert judge(directory).sound


@pytest.mark.parametrize(
    ("name", "rows"),
    [(TRAJECTORIES, ROWS), (FAILED, ROWS), ("rejects.jsonl", [*ROWS, {"nothing": 1}])],
)
async def test_a_row_that_waits_for_room_ends_with_the_run(tmp_path, start_run, name, rows):
    """Also that of a reject, which nobody but the run waits for."""
    disk, model, directory = FullFor(name), Held(), tmp_path / "run"
    async with start_run(directory, rows, model, disk=disk, concurrency=len(ROWS)) as run:
        if name != FAILED:
            model.told.set()
            error = await stop(run, lambda: disk.refused)
        else:
            error = await stop(run, lambda: model.asked == len(ROWS))
    assert isinstance(error, JournalError)
    assert "can't be written" in str(error)
    ends = [one.ended for one in fold_journal(directory / "journal").sessions.values()]
    assert all(ends)
