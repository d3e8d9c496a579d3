"""A session that has too much on its disk may take away, and nothing else."""

from __future__ import annotations

import pytest

from hermes_run.sandboxes.wall import Allowance
from hermes_run.sandboxes.watch import Watch

MIB = 2**20
LOTS = 2**60
WROTE = "it wrote more than 8 MiB to its disk"


@pytest.fixture
def watch(tmp_path) -> Watch:
    """Give a watch over sessions that may have eight MiB of disk, on a disk that has room."""
    found = Watch(Allowance(disk=8 * MIB), tmp_path)
    found.disk.reserve = 0
    return found


async def account(watch: Watch) -> None:
    """Let there be less room than before."""
    await watch.look_at_disk()
    watch.disk._names = LOTS
    await watch.look_at_disk()


async def test_who_writes_too_much_is_stopped(watch, sandbox):
    """Both folders of a session count; other sessions go on."""
    greedy, modest = sandbox("greedy"), sandbox("modest")
    (greedy.site.folder / "half").write_bytes(b"x" * 5 * MIB)
    (greedy.site.scratch / "half").write_bytes(b"x" * 5 * MIB)
    with watch.over(greedy), watch.over(modest):
        await account(watch)
    assert greedy.reasons == [WROTE]
    assert modest.reasons == []
    assert watch.disk.looked == 1


async def test_who_was_stopped_adds_nothing_more(watch, sandbox):
    """A note of the command itself is let pass; what it adds it may take away again."""
    greedy = sandbox()
    (greedy.site.folder / "much").write_bytes(b"x" * 30 * MIB)
    with watch.over(greedy):
        await account(watch)
        await watch.look_at_disk()
        (greedy.site.folder / "note").write_bytes(b"x" * 2**19)
        await watch.look_at_disk()
        assert greedy.reasons == [WROTE]
        (greedy.site.folder / "more").write_bytes(b"x" * MIB)
        await watch.look_at_disk()
        await watch.look_at_disk()
        (greedy.site.folder / "more").unlink()
        await watch.look_at_disk()
    assert greedy.reasons == [
        WROTE,
        "it had 30 MiB on its disk, which was too much, and wrote more",
    ]
    assert watch.disk.looked == 1  # nobody else was counted for it


async def test_who_was_stopped_may_take_away(watch, sandbox):
    """It is free again once it has no longer too much."""
    greedy = sandbox()
    for number in range(4):
        (greedy.site.folder / f"{number}").write_bytes(b"x" * 5 * MIB)
    with watch.over(greedy):
        await account(watch)
        for number in range(3):
            await watch.look_at_disk()
            assert list(watch.disk.over) == [greedy]
            (greedy.site.folder / f"{number}").unlink()
        await watch.look_at_disk()
        assert not watch.disk.over
        (greedy.site.folder / "again").write_bytes(b"x" * 2 * MIB)
        await watch.look_at_disk()
    assert greedy.reasons == [WROTE]


async def test_who_was_stopped_and_ended_is_forgotten(watch, sandbox):
    """There is nothing left to look at."""
    greedy = sandbox()
    (greedy.site.folder / "much").write_bytes(b"x" * 9 * MIB)
    with watch.over(greedy):
        await account(watch)
        assert watch.disk.over
    await watch.look_at_disk()
    assert not watch.disk.over


async def test_who_took_the_last_of_the_disk_is_stopped_once(tmp_path, sandbox):
    """Its files are still there, and it is the one who can remove them; nobody goes instead."""
    watch = Watch(Allowance(), tmp_path)
    watch.disk.reserve = LOTS
    greedy, modest = sandbox("greedy"), sandbox("modest")
    (greedy.site.folder / "much").write_bytes(b"x" * 64 * MIB)
    with watch.over(greedy), watch.over(modest):
        for _ in range(3):
            await watch.look_at_disk()
    (reason,) = greedy.reasons
    assert reason.startswith("the machine had no more disk, and this session had 64")
    assert modest.reasons == []


async def test_nobody_is_stopped_for_disk_that_somebody_else_took(tmp_path, sandbox, caplog):
    """It is said once that it is no session."""
    watch = Watch(Allowance(), tmp_path)
    watch.disk.reserve = watch.disk.most = LOTS
    modest = sandbox()
    (modest.site.folder / "some").write_bytes(b"x" * 2 * MIB)
    with watch.over(modest):
        await watch.look_at_disk()
        await watch.look_at_disk()
    assert modest.reasons == []
    assert caplog.messages == ["the machine has no more disk, and it is no session that took it"]
