"""Sessions are held to their memory and disk, and nobody is looked at for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.usage import (
    BLOCK,
    families_of,
    held_open,
    used_disk,
    used_memory,
    used_names,
)
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.watch import (
    LEAST,
    RESERVE,
    Room,
    Taken,
    Watch,
    excesses,
    open_watch,
    shrank,
)

MIB = 2**20
PLENTY = Room(2**40, 2**40, 2**30)
SMALL = Allowance(memory=64 * MIB, disk=8 * MIB)


class Fake:
    """A sandbox whose processes are those below *leader*; it remembers why it was stopped."""

    def __init__(self, site: Site, leader: int | None = None) -> None:
        self.site = site
        self.leader = leader
        self.reasons: list[str] = []
        self.stopped = anyio.Event()

    def stop(self, reason: str) -> None:
        """Remember *reason*."""
        self.reasons.append(reason)
        self.stopped.set()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give a session's folders."""
    found = Site(tmp_path / "workspace", tmp_path / "scratch")
    found.folder.mkdir()
    found.scratch.mkdir()
    return found


@pytest.fixture
def hog() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose child has a hundred MiB for itself."""
    child = "x = bytearray(b'x' * (100 << 20)); print('ready', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.communicate(b"\n")


def test_memory_is_counted_over_all_processes_of_a_session(hog):
    """The child of the leader is found, and what it has for itself is counted."""
    family = families_of([hog.pid])[hog.pid]
    assert len(family) == 2
    assert 100 * MIB < sum(map(used_memory, family)) < 200 * MIB


def test_a_process_that_is_gone_has_no_memory():
    """It ended between the list and the look."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert used_memory(process.pid) == 0
    assert held_open(process.pid, 0) == 0


async def test_who_has_too_much_memory_is_stopped_and_nobody_else(site, hog):
    """The reason says how much was too much."""
    watch = Watch(SMALL, site.folder)
    greedy, modest = Fake(site, hog.pid), Fake(site)
    with watch.over(greedy), watch.over(modest):
        watch._most = PLENTY
        await watch.look()
    assert greedy.reasons == ["its processes had more than 64 MiB of memory"]
    assert modest.reasons == []


async def test_who_writes_too_much_is_stopped(site, tmp_path):
    """Both folders of a session count; other sessions go on."""
    watch = Watch(SMALL, tmp_path)
    greedy = Fake(site)
    modest = Fake(Site(tmp_path / "other", tmp_path / "nothing"))
    (tmp_path / "other").mkdir()
    (site.folder / "half").write_bytes(b"x" * 5 * MIB)
    (site.scratch / "tmp").mkdir()
    (site.scratch / "tmp" / "half").write_bytes(b"x" * 5 * MIB)
    with watch.over(greedy), watch.over(modest):
        watch._most = PLENTY
        await watch.look()
    assert greedy.reasons == ["it wrote more than 8 MiB to its disk"]
    assert modest.reasons == []


async def test_a_session_that_ends_meanwhile_has_nothing(site, tmp_path):
    """Its folders are removed while others are counted; they are, all the same."""
    watch = Watch(SMALL, tmp_path)
    ended, greedy = Fake(Site(tmp_path / "gone", tmp_path / "gone too")), Fake(site)
    (site.folder / "much").write_bytes(b"x" * 9 * MIB)
    with watch.over(ended), watch.over(greedy):
        watch._most = PLENTY
        await watch.look()
    assert ended.reasons == []
    assert greedy.reasons == ["it wrote more than 8 MiB to its disk"]


async def test_nobody_is_stopped_where_the_run_directory_is_gone(tmp_path):
    """Whoever writes the record there says so."""
    watch = Watch(SMALL, tmp_path / "gone")
    fake = Fake(Site(tmp_path / "gone", tmp_path / "gone"))
    with watch.over(fake):
        await watch.look()
    assert (fake.reasons, watch.looked) == ([], 0)


async def test_nobody_is_looked_for_while_the_machine_has_its_room(site):
    """One look at the machine is all there is."""
    watch = Watch(Allowance(), site.folder)
    with watch.over(Fake(site)):
        for _ in range(3):
            await watch.look()
    assert watch.looked == 0


async def test_a_sandbox_that_cannot_be_stopped_is_not_watched(tmp_path):
    """There is no wall to hold it to."""
    watch = Watch(SMALL, tmp_path)
    async with open_plain(tmp_path) as sandbox:
        with watch.over(sandbox):
            assert not watch.open


async def test_a_watch_that_is_open_looks_by_itself(site):
    """What is written while it is open is seen, whoever writes it."""
    sandbox = Fake(site)
    allowance = Allowance(disk=2 * LEAST)
    with anyio.fail_after(20):
        async with open_watch(allowance, site.folder) as watch:
            with watch.over(sandbox):
                written = 0
                while not sandbox.stopped.is_set():
                    (site.folder / f"{written}").write_bytes(b"x" * MIB * (written < 64))
                    written += 1
                    await anyio.lowlevel.checkpoint()
    assert sandbox.reasons[0] == "it wrote more than 32 MiB to its disk"


@given(memory=st.integers(0, 2**36), disk=st.integers(0, 2**36), allowed=st.integers(1, 2**36))
def test_who_has_no_more_than_allowed_is_never_stopped(memory, disk, allowed):
    """Above it a session has to go, below it stays, while the machine has room."""
    allowance = Allowance(memory=allowed, disk=allowed)
    (reason,) = excesses([Taken(memory, disk)], PLENTY, allowance)
    assert (reason is not None) == (memory > allowed or disk > allowed)


def test_the_largest_goes_when_the_machine_is_at_its_end():
    """The run and its record are worth more than one session."""
    found = [Taken(2**29, 0), Taken(3 * 2**29, 0)]
    short = Room(RESERVE - 1, 2**40, 2**30)
    assert excesses(found, short, Allowance()) == [
        None,
        "the machine had no more memory, and this session had 1.5 GiB of it",
    ]


def test_nobody_goes_for_what_somebody_else_took():
    """A machine that others fill has nothing to gain from small sessions."""
    short = Room(2**40, RESERVE - 1, 2**30)
    assert excesses([Taken(0, LEAST)], short, Allowance()) == [None]
    assert excesses([], short, Allowance()) == []


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (PLENTY, False),
        (Room(2**40 - 2**29, 2**40, 2**30), True),
        (Room(2**40, 2**40 - 2**29, 2**30), True),
        (Room(2**40, 2**40, 2**30 - 2**17), True),
        (Room(2**40 - 2**27, 2**40 - 2**27, 2**30 - 2**14), False),
        (Room(RESERVE - 1, 2**40, 2**30), True),
        (Room(2**40, RESERVE - 1, 2**30), True),
    ],
)
def test_a_part_of_an_allowance_is_worth_a_look(now, found):
    """Memory, bytes and names of the disk, and what must be left of them."""
    assert shrank(PLENTY, now, Allowance()) is found


def test_small_files_count_a_block_each(tmp_path):
    """A hundred thousand names are a burden, too."""
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path, 2**30) == 101 * BLOCK


def test_counting_ends_at_enough(tmp_path):
    """Nobody counts a million files to know that it is too many."""
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path, 10 * BLOCK) == 11 * BLOCK


def test_no_link_is_followed(tmp_path):
    """Neither out of the folder nor in a circle."""
    (tmp_path / "large").write_bytes(b"x" * MIB)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "round").symlink_to(folder)
    assert used_disk(folder, 2**30) == 3 * BLOCK


def test_a_tree_deeper_than_anybody_works_is_too_much(tmp_path):
    """It can't be used to hide what it holds."""
    here = tmp_path / "top"
    for _ in range(210):
        here.mkdir()
        here /= "d"
    assert used_disk(tmp_path, 2**30) > 2**30


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    """A session may not have one of its folders yet."""
    assert used_disk(tmp_path / "missing", 2**30) == 0


LOCKED = """\
import os, sys
from pathlib import Path
from hermes_run.sandboxes.usage import used_disk
os.setuid(65534)
folder = Path(sys.argv[1]) / "locked"
folder.mkdir()
(folder / "large").write_bytes(b"x" * (1 << 20))
folder.chmod(0)
print(used_disk(folder.parent, 1 << 30) > 1 << 20, oct(folder.stat().st_mode & 0o777))
folder.chmod(0o700)
"""


@pytest.mark.root
def test_a_locked_folder_is_counted_and_stays_locked():
    """An ordinary user's own folder is opened, looked at and locked again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        found = subprocess.run(
            [sys.executable, "-c", LOCKED, folder],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[3],
        )
    assert found.stdout == "True 0o0\n", found.stderr


def test_a_file_without_a_name_counts_as_long_as_it_is_open(tmp_path):
    """It takes its room although no folder lists it."""
    program = (
        "import os, sys; f = open(sys.argv[1], 'wb'); f.write(b'x' * (1 << 20)); f.flush(); "
        "os.remove(sys.argv[1]); print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "gone")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        device = tmp_path.stat().st_dev
        assert held_open(process.pid, device) >= MIB
        assert held_open(process.pid, device + 1) == 0
        process.communicate(b"\n")


def test_memory_that_processes_share_is_counted(tmp_path):
    """Two of them that have the same pages count them once."""
    program = (
        "import mmap, os; x = mmap.mmap(-1, 64 << 20); x.write(bytes(64 << 20)); r, w = os.pipe(); "
        "child = os.fork(); y = x[:]; os.write(w, b'.'); os.close(w) if child else None; "
        "print('ready', flush=True) if child and os.read(r, 1) + os.read(r, 1) else None; input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        family = families_of([process.pid])[process.pid]
        shared = 64 * MIB  # each has also a copy of its own, in y
        assert 3 * shared <= sum(map(used_memory, family)) < 3 * shared + 60 * MIB
        process.communicate(b"\n\n")


def test_the_machines_own_shared_memory_is_nobodys():
    """A session that sees the same /dev/shm as we do has no names of its own in there."""
    assert used_names(os.getpid()) == 0
    assert used_names(2**22 + 1) == 0
