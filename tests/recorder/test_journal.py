"""The journal: every fact on disk, in order, and acknowledged only when it is durable."""

from __future__ import annotations

import anyio
import anyio.to_thread
import pytest

from recorder.errors import JournalError, MisuseError
from recorder.events import SegmentOpened, ToolsDeclared
from recorder.journal import open_journal
from recorder.reader import Entry, read
from recorder.settings import JournalSettings

PATIENCE_S = 20
SOON = JournalSettings(window_s=0, hurry_s=0, retry_s=0)
NEVER = 1000.0


def entries_of(folder):
    """Give what stands in the journal, which has no torn tail."""
    found = list(read(folder))
    entries = [entry for entry in found if isinstance(entry, Entry)]
    assert len(entries) == len(found)
    return entries


def events_of(folder):
    """Give the events in the journal that are about a session, in their order."""
    return [entry.event for entry in entries_of(folder) if entry.event.session]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run these on both event loops."""
    return request.param


async def test_what_was_accepted_is_on_disk_after_the_block(tmp_path, said):
    """Leaving the block makes everything durable, in the order of acceptance."""
    events = [said(seq) for seq in range(5)]
    async with open_journal(tmp_path / "j", "run-1") as journal:
        for event in events:
            await journal(event)
    assert events_of(tmp_path / "j") == events
    done = journal.statistics()
    assert (done.accepted, done.durable, done.paused) == (5, 5, None)
    size = sum(path.stat().st_size for path in (tmp_path / "j").iterdir())
    assert done.bytes == size
    assert 1 <= done.commits <= 5


async def test_what_is_durable_has_been_synced(tmp_path, disk, said):
    """``durable`` returns after a sync that came after the write."""
    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        assert disk.calls.count("sync") == 0
        await journal(said(0))
        await journal.durable()
        assert disk.calls[-3:] == ["write", "sync", "links"]
        assert events_of(tmp_path / "j") == [said(0)]
        commits = journal.statistics().commits
        await journal.durable()
        assert journal.statistics().commits == commits


async def test_nothing_is_acknowledged_before_its_sync_returned(tmp_path, disk, said, until):
    """Who waits is released by the sync, and not by one that began before."""
    released = []

    async def wait(journal, number):
        await journal.durable()
        released.append(number)

    async with (
        open_journal(tmp_path / "j", "run-1", SOON, disk) as journal,
        anyio.create_task_group() as tasks,
    ):
        with disk.hold("sync") as arrived:
            await journal(said(0))
            await until(arrived.is_set)
            tasks.start_soon(wait, journal, 0)
            await until(lambda: journal.statistics().accepted == 1)
            await anyio.lowlevel.checkpoint()
            assert journal.statistics().durable == 0
            assert released == []
        await until(lambda: released)
        await journal(said(1))
        tasks.start_soon(wait, journal, 1)
    assert released == [0, 1]


async def test_lines_gather_while_a_sync_goes_on(tmp_path, disk, said, until):
    """However many come meanwhile, they share the next sync."""
    async with open_journal(tmp_path / "j", "run-1", SOON, disk) as journal:
        with disk.hold("sync") as arrived:
            await journal(said(0))
            await until(arrived.is_set)
            for seq in range(1, 100):
                await journal(said(seq))
        await journal.durable()
        assert journal.statistics().commits == 2
    assert len(events_of(tmp_path / "j")) == 100


async def test_after_an_idle_moment_a_fact_is_committed_at_once(tmp_path, said, until):
    """Nobody needs to ask, and the window is no reason to wait."""
    settings = JournalSettings(window_s=NEVER, hurry_s=NEVER)
    async with open_journal(tmp_path / "j", "run-1", settings) as journal:
        await journal(said(0))
        await until(lambda: journal.statistics().durable == 1)
        assert 0 <= journal.statistics().idle_s < PATIENCE_S


async def test_under_load_facts_wait_for_the_window_unless_somebody_waits_for_them(
    tmp_path, said, until
):
    """A barrier shortens the pause; without one the window holds."""
    settings = JournalSettings(window_s=NEVER, hurry_s=0)
    async with open_journal(tmp_path / "j", "run-1", settings) as journal:
        await journal(said(0))
        await until(lambda: journal.statistics().durable == 1)
        await journal(said(1))
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert journal.statistics().durable == 1
        with anyio.fail_after(PATIENCE_S):
            await journal.durable()
        assert journal.statistics().durable == 2
        await journal(said(2))
    assert len(events_of(tmp_path / "j")) == 3


@pytest.mark.parametrize("sync", ["event", "group", "none"])
async def test_each_mode_is_named_in_the_first_line_and_keeps_its_promise(
    tmp_path, disk, said, sync
):
    """``event`` has each fact durable when it is accepted; ``none`` never syncs."""
    settings = JournalSettings(sync=sync, window_s=NEVER, hurry_s=NEVER)
    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:
        for seq in range(3):
            await journal(said(seq))
            if sync == "event":
                assert journal.statistics().durable == seq + 1
    assert disk.calls.count("sync") == {"event": 3, "group": 1, "none": 0}[sync]
    (first, *_) = [entry.event for entry in entries_of(tmp_path / "j")]
    assert isinstance(first, SegmentOpened)
    assert first.sync == sync


async def test_a_full_buffer_makes_whoever_records_wait(tmp_path, disk, said, until):
    """Pending bytes are bounded, and nothing gets lost or out of order."""
    events = [said(seq, "x" * 100) for seq in range(50)]
    settings = JournalSettings(pending_bytes=1000, window_s=NEVER, hurry_s=NEVER)
    accepted = []

    async def record(journal):
        for event in events:
            await journal(event)
            accepted.append(event)

    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:
        with disk.hold("sync") as arrived:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(record, journal)
                await until(arrived.is_set)
                await until(lambda: len(accepted) > 1)
                for _ in range(50):
                    await anyio.lowlevel.checkpoint()
                assert journal._pending.size <= 1000
                assert len(accepted) < len(events)
                tasks.cancel_scope.cancel()
    assert events_of(tmp_path / "j") == accepted


async def test_many_tasks_keep_the_order_in_which_they_were_accepted(tmp_path, said):
    """What the disk holds is what was accepted, in that order, also under back-pressure."""
    settings = JournalSettings(pending_bytes=500, window_s=0, hurry_s=0)
    accepted = []

    async def record(journal, name):
        for seq in range(20):
            event = said(seq, "x" * (seq * 7 % 50), f"session-{name}")
            await journal(event)
            accepted.append(event)

    async with (
        open_journal(tmp_path / "j", "run-1", settings) as journal,
        anyio.create_task_group() as tasks,
    ):
        for name in range(10):
            tasks.start_soon(record, journal, name)
    assert events_of(tmp_path / "j") == accepted
    assert len(accepted) == 200


async def test_who_is_cancelled_while_waiting_leaves_no_trace(tmp_path, disk, said, until):
    """An event that was not accepted is not in the journal, and nobody else is held up."""
    settings = JournalSettings(pending_bytes=1, window_s=0, hurry_s=0)
    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:
        with disk.hold("sync") as arrived:
            await journal(said(0))
            await until(arrived.is_set)
            await journal(said(1))
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(journal, said(2, "cancelled"))
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            assert scope.cancelled_caught
            with anyio.move_on_after(0):
                await journal.durable()
        await journal(said(2, "accepted"))
    assert events_of(tmp_path / "j") == [said(0), said(1), said(2, "accepted")]


async def test_a_cancelled_body_still_writes_what_it_accepted(tmp_path, said):
    """Also what it accepts while it is being cancelled."""
    with anyio.CancelScope() as scope:
        async with open_journal(tmp_path / "j", "run-1") as journal:
            try:
                await journal(said(0))
                scope.cancel()
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await journal(said(1))
                    await journal.durable()
                await journal(said(2))
    assert scope.cancelled_caught
    assert events_of(tmp_path / "j") == [said(0), said(1), said(2)]


async def test_what_the_body_raises_comes_out_as_it_is(tmp_path, said):
    """Not in a group, and after everything was written."""

    async def attempt():
        async with open_journal(tmp_path / "j", "run-1") as journal:
            await journal(said(0))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await attempt()
    assert events_of(tmp_path / "j") == [said(0)]


async def test_a_closed_journal_takes_nothing_more(tmp_path, said):
    """Nobody waits for ever for a writer that is gone."""
    async with open_journal(tmp_path / "j", "run-1") as journal:
        pass
    with pytest.raises(MisuseError, match="closed"):
        await journal(said(0))
    await journal.durable()


async def test_what_has_no_json_form_is_refused_and_the_journal_goes_on(tmp_path, said):
    """The caller is told; the next fact takes the number."""
    async with open_journal(tmp_path / "j", "run-1") as journal:
        await journal(said(0))
        with pytest.raises(MisuseError, match="JSON"):
            await journal(said(1, object()))
        await journal(said(1))
    assert events_of(tmp_path / "j") == [said(0), said(1)]


TOOLS = ({"type": "function", "function": {"name": "f"}},)


async def test_tools_are_declared_once_however_many_ask(tmp_path, disk, said, until):
    """Before anybody who asks can refer to them, also when the buffer is full."""
    settings = JournalSettings(pending_bytes=1, window_s=0, hurry_s=0)
    names = []

    async def ask(journal):
        names.append(await journal.declare(TOOLS))

    async with open_journal(tmp_path / "j", "run-1", settings, disk) as journal:
        with disk.hold("sync") as arrived:
            await journal(said(0))
            await until(arrived.is_set)
            await journal(said(1))
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(ask, journal)
                await anyio.wait_all_tasks_blocked()
                assert names == []
                tasks.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask, journal)
        await ask(journal)
    declared = [e.event for e in entries_of(tmp_path / "j") if isinstance(e.event, ToolsDeclared)]
    assert [(fact.tools, fact.seq) for fact in declared] == [(TOOLS, 1)]
    assert names == [declared[0].tools_hash] * 4


async def test_a_new_segment_repeats_the_tools_it_needs(tmp_path, said):
    """Each segment can be read with what stands in it, and sessions go on across them."""
    settings = JournalSettings(segment_bytes=1, window_s=0, hurry_s=0)
    async with open_journal(tmp_path / "j", "run-1", settings) as journal:
        await journal.declare(TOOLS)
        for seq in range(3):
            await journal(said(seq))
            await journal.durable()
        await journal.declare((*TOOLS, *TOOLS))
        await journal(said(3))
    per_segment = {}
    for entry in entries_of(tmp_path / "j"):
        per_segment.setdefault(entry.segment, []).append(type(entry.event).__name__)
    kinds = list(per_segment.values())
    assert len(kinds) >= 4
    assert [names[0] for names in kinds] == ["SegmentOpened"] * len(kinds)
    assert all(names.count("ToolsDeclared") >= 1 for names in kinds)
    assert kinds[-1].count("ToolsDeclared") == 2
    assert events_of(tmp_path / "j") == [said(seq) for seq in range(4)]


async def test_a_journal_that_can_not_be_begun_says_where(tmp_path):
    """A folder that can't be written to is known before anything is spent."""
    (tmp_path / "j").write_text("")
    with pytest.raises(JournalError, match=r"can't be begun in .*j: "):
        async with open_journal(tmp_path / "j", "run-1"):
            pytest.fail("the block began")
