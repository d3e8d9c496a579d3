"""What the journal does when the disk does not do its part."""

from __future__ import annotations

import errno

import anyio
import anyio.lowlevel
import pytest

from recorder.disk import Disk
from recorder.errors import JournalError, MisuseError
from recorder.framing import frame
from recorder.journal import open_journal
from recorder.reader import Torn, fold_journal, read
from recorder.segment import segments
from recorder.settings import JournalSettings

SOON = JournalSettings(window_s=0, hurry_s=0, retry_s=0)
PATIENCE_S = 20


def turns_of(folder):
    """Give the number of events of the only session, folded from the journal."""
    folded = fold_journal(folder)
    return folded.sessions["s"].seq if folded.sessions else 0


@pytest.mark.parametrize("call", ["write", "sync", "links"])
async def test_an_io_error_is_final_and_everybody_is_told(tmp_path, disk, said, call):
    """Who waits, who comes and whoever leaves the block get the same JournalError."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            await journal(said(0))
            await journal.durable()
            disk.fail(call, errno.EIO)
            await journal(said(1))
            with pytest.raises(JournalError, match="Input/output"):
                await journal.durable()
            assert journal.failed
            assert journal.statistics().durable == 1
            with pytest.raises(JournalError, match="Input/output"):
                await journal(said(2))
            with pytest.raises(JournalError, match="Input/output"):
                await journal.declare(({"name": "f"},))

    with pytest.raises(JournalError, match=r"can't be written: .*Input/output") as raised:
        await attempt()
    assert isinstance(raised.value.__cause__, OSError)
    assert turns_of(tmp_path / "j") >= 1


async def test_a_poisoned_segment_is_never_written_or_synced_again(tmp_path, disk, said):
    """After a failed sync a second one could succeed with the bytes gone."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            disk.fail("sync", errno.EIO, times=1)
            await journal(said(0))
            with pytest.raises(JournalError):
                await journal.durable()
            with pytest.raises(JournalError):
                await journal(said(1))

    with pytest.raises(JournalError):
        await attempt()
    after = disk.calls[disk.calls.index("sync") + 1 :]
    assert after == ["close"]


async def test_a_journal_error_comes_out_though_the_body_raised_something_else(
    tmp_path, disk, said
):
    """The body's own error is its context, and nothing is in a group."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            disk.fail("sync", errno.EIO)
            await journal(said(0))
            raise ValueError("mine")

    with pytest.raises(JournalError) as raised:
        await attempt()
    assert isinstance(raised.value.__context__, ValueError)


async def test_a_journal_error_comes_out_though_the_body_was_cancelled(tmp_path, disk, said):
    """To be cancelled is no reason to keep quiet about a record that is not there."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            disk.fail("sync", errno.EIO)
            await journal(said(0))
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    with pytest.raises(JournalError), anyio.CancelScope() as scope:
        await attempt()


async def test_an_error_while_closing_comes_out(tmp_path, disk, said):
    """A close that fails may have lost what was not synced."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            await journal(said(0))
            await journal.durable()
            disk.fail("close", errno.EIO)

    with pytest.raises(JournalError, match=r"can't be closed: .*Input/output"):
        await attempt()


class Exhausted(Disk):
    """A disk whose machine has no memory left."""

    def write(self, descriptor, content):
        """Fail with something that is no OSError, once there are facts to write."""
        if b"session_started" in bytes(content):
            raise MemoryError("no memory left")
        return super().write(descriptor, content)


async def test_whatever_stops_the_writer_nobody_waits_for_ever(tmp_path, said):
    """An error nobody thought of is final, too."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, Exhausted()) as journal:
            await journal(said(0))
            with anyio.fail_after(PATIENCE_S), pytest.raises(JournalError):
                await journal.durable()

    with pytest.raises(JournalError, match="no memory left"):
        await attempt()


async def test_a_journal_whose_folder_is_removed_does_not_go_on(tmp_path, said):
    """An unlinked file takes every byte: the record would be gone without a word."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON) as journal:
            segments(tmp_path / "j")[0].unlink()
            (tmp_path / "j").rmdir()
            await journal(said(0))
            with pytest.raises(JournalError, match="removed"):
                await journal.durable()

    with pytest.raises(JournalError, match="removed"):
        await attempt()


async def test_a_full_disk_pauses_until_there_is_room(tmp_path, disk, said, until):
    """Nothing is accepted meanwhile; afterwards everything is on disk, once, with the same seq."""
    accepted = []

    async def record(journal):
        for seq in range(2, 6):
            await journal(said(seq))
            accepted.append(seq)

    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        await journal(said(0))
        await journal.durable()
        disk.room = 10
        await journal(said(1))
        await until(lambda: journal.statistics().paused)
        assert "No space left" in str(journal.statistics().paused)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record, journal)
            tasks.start_soon(journal.durable)
            calls = len(disk.calls)
            await until(lambda: len(disk.calls) > calls + 20)
            assert accepted == []
            assert journal.statistics().durable == 1
            disk.mend()
        assert journal.statistics().paused is None
    assert accepted == [2, 3, 4, 5]
    assert turns_of(tmp_path / "j") == 6
    first, second = segments(tmp_path / "j")
    assert isinstance(list(read(tmp_path / "j"))[2], Torn)
    assert first.stat().st_size < second.stat().st_size


@pytest.mark.parametrize("call", ["create", "sync_directory", "sync", "write"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_room_may_be_missing_at_any_step(tmp_path, disk, said, until, call, code):
    """Also while the new segment is made; no attempt leaves litter."""
    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        await journal(said(0))
        await journal.durable()
        disk.fail("sync", code, times=1)
        await journal(said(1))
        await until(lambda: journal.statistics().paused)
        disk.fail(call, code)
        calls = len(disk.calls)
        await until(lambda: len(disk.calls) > calls + 20)
        disk.mend()
        with anyio.fail_after(PATIENCE_S):
            await journal.durable()
    assert turns_of(tmp_path / "j") == 2
    assert len(segments(tmp_path / "j")) == 2


async def test_an_event_that_was_written_but_not_acknowledged_is_taken_once(
    tmp_path, disk, said, until
):
    """It stands in both segments, equal, and counts once."""
    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        await journal(said(0))
        await journal.durable()
        disk.fail("sync", errno.ENOSPC, times=1)
        await journal(said(1))
        await until(lambda: journal.statistics().durable == 2)
    found = [entry.event for entry in read(tmp_path / "j") if not isinstance(entry, Torn)]
    assert [event.seq for event in found if event.session] == [0, 1, 1]
    assert turns_of(tmp_path / "j") == 2


async def test_closing_while_the_disk_is_full_says_so_and_keeps_what_was_acknowledged(
    tmp_path, disk, said, until
):
    """It does not wait for somebody to make room."""

    async def attempt():
        async with open_journal(
            tmp_path / "j", "run-1", JournalSettings(window_s=0, retry_s=1000), disk
        ) as journal:
            await journal(said(0))
            await journal.durable()
            disk.room = 0
            await journal(said(1))
            await until(lambda: journal.statistics().paused)
            assert journal.statistics().durable == 1

    with pytest.raises(JournalError, match="No space left"):
        await attempt()
    assert turns_of(tmp_path / "j") == 1


async def test_who_will_not_wait_for_room_is_told_at_once(tmp_path, disk, said, until):
    """What waited is tried once more; from then on a full disk is the end of the record."""

    async def attempt():
        async with open_journal(
            tmp_path / "j", "run-1", JournalSettings(window_s=0, retry_s=1000), disk
        ) as journal:
            await journal(said(0))
            disk.room = 0
            await journal(said(1))
            await until(lambda: journal.statistics().paused)
            disk.mend()
            journal.wait_no_more()
            await journal.durable()
            disk.room = 0
            await journal(said(2))
            await journal.durable()

    with pytest.raises(JournalError, match="No space left"):
        await attempt()
    assert turns_of(tmp_path / "j") == 2


async def test_room_that_returned_before_closing_is_used(tmp_path, disk, said, until):
    """There is one more try."""
    async with open_journal(
        tmp_path / "j", "run-1", JournalSettings(window_s=0, retry_s=1000), disk
    ) as journal:
        await journal(said(0))
        await journal.durable()
        disk.room = 0
        await journal(said(1))
        await until(lambda: journal.statistics().paused)
        disk.mend()
    assert turns_of(tmp_path / "j") == 2


async def test_who_waits_for_room_on_a_full_disk_is_told_when_the_journal_closes(
    tmp_path, disk, said, until
):
    """Waiting ends with the journal, not with the disk."""
    told = []

    async def record(journal):
        try:
            await journal(said(2))
        except (JournalError, MisuseError) as error:
            told.append(error)

    async with anyio.create_task_group() as tasks:

        async def attempt():
            async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
                await journal(said(0))
                await journal.durable()
                disk.room = 0
                await journal(said(1))
                await until(lambda: journal.statistics().paused)
                tasks.start_soon(record, journal)
                await anyio.lowlevel.checkpoint()

        with pytest.raises(JournalError, match="No space left"):
            await attempt()
    assert len(told) == 1


async def test_files_that_may_not_grow_are_followed_by_others_at_once(tmp_path, disk, said):
    """A limit on file sizes is no full disk: nobody needs to make room."""
    events = [said(seq, "x" * 150) for seq in range(40)]
    settings = JournalSettings(window_s=1000, hurry_s=0, retry_s=1000)
    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:
        disk.largest = 1000
        for event in events:
            await journal(event)
        with anyio.fail_after(PATIENCE_S):
            await journal.durable()
        for seq in range(40, 60):
            await journal(said(seq, "y" * 150))
    assert turns_of(tmp_path / "j") == 60
    assert max(path.stat().st_size for path in segments(tmp_path / "j")) <= 1000
    assert 60 * 150 // 1000 < len(segments(tmp_path / "j")) <= 60


async def test_a_fact_that_fits_into_no_file_is_an_error(tmp_path, disk, said):
    """It says how large the fact is and what may stand in its way; the facts before are there."""
    large = said(2, "x" * 2000)

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
            disk.largest = 1000
            await journal(said(0))
            await journal(said(1))
            await journal(large)
            with pytest.raises(JournalError):
                await journal.durable()

    with pytest.raises(JournalError, match=rf"{len(frame(large))} bytes .* `ulimit -f`"):
        await attempt()
    assert turns_of(tmp_path / "j") == 2


async def test_a_disk_that_takes_little_at_a_time_gets_everything(tmp_path, disk, said):
    """Short writes are continued."""
    disk.mouthful = 7
    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        for seq in range(10):
            await journal(said(seq))
    assert turns_of(tmp_path / "j") == 10
    assert len(segments(tmp_path / "j")) == 1


async def test_whoever_asks_for_room_waits_while_the_disk_is_full(tmp_path, disk, said):
    """Nothing is begun then that could not be recorded."""
    settings, there_is_room = JournalSettings(retry_s=0.01), []
    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:

        async def ask():
            await journal.writable()
            there_is_room.append(journal.statistics().paused)

        await ask()
        disk.fail("write", errno.ENOSPC)
        await journal(said(0))
        with anyio.fail_after(PATIENCE_S):
            while not journal.statistics().paused:
                await anyio.lowlevel.checkpoint()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            for _ in range(3):
                await journal._released.wait()
            assert there_is_room == [None]
            disk.mend()
    assert there_is_room == [None, None]


async def test_whoever_asks_for_room_is_told_that_there_never_will_be(tmp_path, disk, said):
    """Also who waits for it already."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1", JournalSettings(), disk) as journal:
            disk.fail("write", errno.EIO)
            await journal(said(0))
            with pytest.raises(JournalError, match="Input/output"):
                await journal.durable()
            with pytest.raises(JournalError, match="Input/output"):
                await journal.writable()

    with pytest.raises(JournalError, match="Input/output"):
        await attempt()
