"""Sessions that are cut short: whoever records one, it has an end and a row."""

from __future__ import annotations

import anyio
import pytest

from recorder import ending
from recorder.archive import Archive
from recorder.opening import open_record, reopen_record
from recorder.reader import fold_journal
from recorder.run_directory import FAILED, own_existing
from recorder.settings import JournalSettings
from recorder.standing import stand
from recorder.verifying import inspect, survey

EACH = JournalSettings(sync="event")


def ends(directory):
    """Say how the sessions of a sound run ended; each has a row."""
    verdict = inspect(survey(directory))
    assert verdict.sound, verdict.faults
    sessions = fold_journal(directory / "journal").sessions
    assert len((directory / FAILED).read_bytes().splitlines()) == len(sessions)
    ended = [session.ended for session in sessions.values()]
    return [(end.outcome, end.reason, end.error) for end in ended if end]


async def cancel_in_sync(disk, until, begin):
    """Cancel *begin* while the fact that it recorded is being synced."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            with disk.hold("sync") as held:
                tasks.start_soon(begin)
                await until(held.is_set)
                scope.cancel()
    assert scope.cancelled_caught


async def test_a_session_that_is_cancelled_as_its_start_is_accepted_has_an_end(
    tmp_path, disk, until
):
    """Nobody got to hold it, so nobody else could end it."""
    async with open_record(tmp_path / "r", settings=EACH, disk=disk) as record:

        async def begin():
            await record.start([], id="a")
            pytest.fail("it was cancelled")

        await cancel_in_sync(disk, until, begin)
        assert record.statistics.value().outcomes == {"interrupted": 1}
    assert ends(tmp_path / "r") == [("interrupted", "cancelled", "CancelledError")]


async def test_a_session_that_is_cancelled_as_it_goes_on_has_another_end(tmp_path, disk, until):
    """As before, and its earlier row is gone."""
    async with open_record(tmp_path / "r") as record:
        recording = await record.start([], id="a")
        await recording.end("model_error")
        await record.finish(recording.session)
    async with own_existing(tmp_path / "r"):
        past = stand(tmp_path / "r" / "journal")
        session = Archive(tmp_path / "r" / "journal", ["a"]).fold("a")
        async with reopen_record(tmp_path / "r", past, EACH, disk) as record:

            async def go_on():
                await record.resume(session)
                pytest.fail("it was cancelled")

            await cancel_in_sync(disk, until, go_on)
    assert ends(tmp_path / "r") == [("interrupted", "cancelled", "CancelledError")]


async def test_a_session_that_is_cancelled_before_its_start_is_accepted_is_none(
    tmp_path, disk, until
):
    """It waited for room in the buffer."""
    narrow = JournalSettings(pending_bytes=1, window_s=0, hurry_s=0)
    async with open_record(tmp_path / "r", settings=narrow, disk=disk) as record:

        async def begin():
            for name in "abc":
                await record.start([], id=name)
            pytest.fail("there is no room for three")

        await cancel_in_sync(disk, until, begin)
        assert record.statistics.value().started == 2
    assert list(fold_journal(tmp_path / "r" / "journal").sessions) == ["a", "b"]


async def test_a_session_that_is_cancelled_on_a_full_disk_has_no_end(
    tmp_path, disk, until, monkeypatch
):
    """Whoever cancelled does not wait for room: it may never come. It goes on when it does."""
    monkeypatch.setattr(ending, "_END_S", 2.0**31)
    monkeypatch.setattr(ending, "_NO_ROOM_S", 0.0)

    async def work(record):
        async with record.session("x", id="a") as session:
            await session.durable()
            disk.room = 0
            await session.model_replied(text="hm")
            await session.durable()

    async with open_record(tmp_path / "r", disk=disk) as record:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, record)
            await until(lambda: record.paused)
            tasks.cancel_scope.cancel()
        disk.mend()
    (session,) = fold_journal(tmp_path / "r" / "journal").sessions.values()
    assert (session.seq, session.ended) == (2, None)
    assert inspect(survey(tmp_path / "r")).sound


class Broken:
    """A sink that raises whatever it is given."""

    async def __call__(self, event):
        """Raise."""
        raise ZeroDivisionError(event.seq)


async def test_a_session_whose_start_a_sink_refuses_has_an_end(tmp_path):
    """What the sink raised comes out, the last of it; the record is whole."""
    async with open_record(tmp_path / "r") as record:
        record.send_also_to(Broken())
        with pytest.raises(ZeroDivisionError, match="1"):
            await record.start([], id="a")
    assert ends(tmp_path / "r") == [("tool_error", "", "ZeroDivisionError: 0")]


async def test_a_session_whose_end_a_sink_refuses_has_a_row(tmp_path):
    """It completed, whoever could not bear to see it."""

    async def complete(record):
        async with record.session("x", id="a") as session:
            await session.model_replied(text="done")
            record.send_also_to(Broken())

    async with open_record(tmp_path / "r") as record:
        with pytest.raises(ZeroDivisionError, match="2"):
            await complete(record)
    (session,) = fold_journal(tmp_path / "r" / "journal").sessions.values()
    assert session.ended
    assert session.ended.outcome == "completed"
    assert inspect(survey(tmp_path / "r")).sound
