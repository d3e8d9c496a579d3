"""Sessions are held to what they may have, and nobody is looked at for nothing."""

from __future__ import annotations

import logging

import anyio
import anyio.lowlevel

from hermes_run.sandboxes.blame import LEAST
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.usage import families_of
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.watch import Watch, open_watch
from hermes_run.sandboxes.watched import Watched

MIB = 2**20
LOTS = 2**60
SMALL = Allowance(memory=64 * MIB, disk=8 * MIB)


def low(watch: Watch) -> Watch:
    """Let the machine be at its end, of memory and of disk."""
    watch.memory.reserve = watch.disk.reserve = LOTS
    return watch


async def test_who_has_too_much_memory_is_stopped_and_nobody_else(sandbox, tmp_path, hog):
    """The reason says how much was too much."""
    watch = low(Watch(SMALL, tmp_path))
    greedy, modest = sandbox("greedy", hog), sandbox("modest")
    with watch.over(greedy), watch.over(modest):
        await watch.look()
    assert greedy.reasons == ["its processes had more than 64 MiB of memory"]
    assert modest.reasons == []


async def test_nobody_is_looked_for_while_the_machine_has_its_room(sandbox, tmp_path):
    """A look at the machine is all there is."""
    watch = Watch(Allowance(memory=2**50, disk=2**50), tmp_path)
    watch.memory.reserve = watch.disk.reserve = 0
    with watch.over(sandbox()):
        for _ in range(3):
            await watch.look()
    assert (watch.memory.looked, watch.disk.looked) == (0, 0)


async def test_who_runs_too_many_processes_is_stopped(sandbox, tmp_path, program):
    """Threads are no less than processes; some are the wall's own and go free."""
    text = (
        "import threading, time\n"
        "for _ in range(99): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print('ready', flush=True); input()"
    )
    leader = program(text)
    greedy, just = sandbox("greedy", leader), sandbox("just", leader)
    few, enough = Watch(Allowance(processes=30), tmp_path), Watch(Allowance(processes=40), tmp_path)
    with few.over(greedy), enough.over(just):
        await few.look()
        await enough.look()
    assert greedy.reasons == ["it had more than 30 processes and threads"]
    assert just.reasons == []


async def test_who_took_the_last_memory_is_stopped(sandbox, tmp_path, hog):
    """Also where it may have so much: the run and the other sessions are worth more."""
    watch = low(Watch(Allowance(memory=2**50, disk=2**50), tmp_path))
    greedy, modest = sandbox("greedy", hog), sandbox("modest")
    with watch.over(greedy), watch.over(modest):
        await watch.look_at_memory()
    (reason,) = greedy.reasons
    assert reason.startswith("the machine had no more memory, and this session had 1")
    assert modest.reasons == []


async def test_nobody_is_stopped_for_memory_that_somebody_else_took(sandbox, tmp_path, hog, caplog):
    """It is said once that it is no session."""
    watch = low(Watch(Allowance(memory=2**50, disk=2**50), tmp_path))
    watch.memory.most = LOTS
    modest = sandbox("modest")
    with watch.over(modest):
        await watch.look_at_memory()
        await watch.look_at_memory()
    assert modest.reasons == []
    assert caplog.messages == [
        "the machine has no more memory, and it is no session that took it",
    ]


async def test_what_takes_too_long_to_count_is_too_much(sandbox, tmp_path, hog):
    """Nobody hides behind so much that it can't be looked at."""
    watch = low(Watch(Allowance(), tmp_path, patience_s=0))
    slow = sandbox("slow", hog)
    with watch.over(slow):
        await watch.look()
    assert slow.reasons == [
        "its memory took too long to count",
        "its files took too long to count",
    ]


async def test_a_session_that_ended_is_not_looked_at(sandbox, tmp_path, hog):
    """It was among those to be counted, and left before its turn."""
    watch = low(Watch(SMALL, tmp_path))
    ended = sandbox("ended", hog)
    (ended.site.folder / "much").write_bytes(b"x" * 9 * MIB)

    found: dict[Watched, int] = {}
    await watch.memory._hold(ended, families_of([hog])[hog], found)
    await watch.disk._hold(ended, families_of([hog])[hog], found)
    assert (ended.reasons, found) == ([], {})


async def test_a_session_whose_folders_are_gone_has_nothing(sandbox, tmp_path):
    """They are removed while others are counted; these are, all the same."""
    watch = low(Watch(SMALL, tmp_path))
    ended, greedy = sandbox("ended"), sandbox("greedy")
    ended.site = Site(tmp_path / "gone", tmp_path / "gone too")
    (greedy.site.folder / "much").write_bytes(b"x" * 9 * MIB)
    with watch.over(ended), watch.over(greedy):
        await watch.look()
    assert ended.reasons == []
    assert greedy.reasons == ["it wrote more than 8 MiB to its disk"]


async def test_nobody_is_stopped_where_the_run_directory_is_gone(sandbox, tmp_path, caplog):
    """Whoever writes the record there says so."""
    watch = low(Watch(SMALL, tmp_path / "gone"))
    fake = sandbox()
    with watch.over(fake):
        await watch.look_at_disk()
    assert (fake.reasons, watch.disk.looked, caplog.messages) == ([], 0, [])


async def test_what_cannot_be_looked_at_is_said_once(sandbox, tmp_path, caplog):
    """The sessions go on, whatever is wrong with the machine or with one of them."""

    class Broken:
        """A sandbox that does not know what it is."""

        site = sandbox().site

        @property
        def leader(self) -> int:
            """Fail."""
            raise RuntimeError("can't start new thread")

        def stop(self, reason: str) -> None:
            """Do nothing."""

    watch = low(Watch(SMALL, tmp_path))
    watch.open.add(Broken())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await watch.look()
    assert caplog.messages == [
        "memory of sessions can't be looked at: RuntimeError: can't start new thread",
        "disk of sessions can't be looked at: RuntimeError: can't start new thread",
    ]


async def test_a_sandbox_that_cannot_be_stopped_is_not_watched(tmp_path):
    """There is no wall to hold it to."""
    watch = Watch(SMALL, tmp_path)
    async with open_plain(tmp_path) as plain:
        with watch.over(plain):
            assert not watch.open


async def test_a_watch_that_is_open_looks_by_itself(sandbox, tmp_path):
    """What is written while it is open is seen, whoever writes it."""
    greedy = sandbox()
    with anyio.fail_after(240):
        async with open_watch(Allowance(disk=2 * LEAST), tmp_path) as watch:
            with watch.over(greedy):
                written = 0
                while not greedy.reasons:
                    (greedy.site.folder / f"{written}").write_bytes(b"x" * MIB * (written < 64))
                    written += 1
                    await anyio.lowlevel.checkpoint()
    assert greedy.reasons[0] == "it wrote more than 32 MiB to its disk"
