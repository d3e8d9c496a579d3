"""Nobody but the supervisor tells what becomes of a command, and nobody else tells it anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.control import Control
from hermes_run.sandboxes.keeper import Keeper
from hermes_run.sandboxes.life import KILLED, NOISE_BYTES
from hermes_run.sandboxes.machine import Machine, open_machine
from hermes_run.sandboxes.processes import WALKS, turn_to_walk
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import Allowance

WAIT_S = 240.0

REPORTS = "/proc/$(ps -o ppid= -p $PPID | tr -d ' ')/fd/1"


async def run(machine: Machine, line: str, **bounds: object) -> Finished:
    """Run *line*, which ends in time whatever it does."""
    command = Command(line, **{"timeout_s": 10.0, "limit": 10_000, **bounds})
    with anyio.fail_after(WAIT_S):
        return await machine.run(command)


def descriptors() -> list[int]:
    """Give what is open in this process, but for the folder that says it."""
    return sorted(int(each.name) for each in Path("/proc/self/fd").iterdir() if each.exists())


@pytest.mark.parametrize("number", ["../tmp/evil", "", "1x", "-1", "x", "$(touch made)"])
async def test_what_is_no_number_is_not_served(machine, launch, site, number):
    """No file but the host's is read, and the next command ends as it does."""
    Path(launch.temporary, "evil.sh").write_text("touch made; perform() { code=0 group=0; }")
    await run(machine, f"chmod 600 {launch.control}/k1; echo '{number}' > {launch.control}/k1")
    assert await run(machine, "exit 3") == Finished(b"", 0, 3)
    assert not (site.folder / "made").exists()


@pytest.mark.parametrize("forged", ["here 1", "lost 1", "begun", "ready", "gone 1", "kept 1"])
async def test_a_flood_of_answers_that_nobody_asked_for_ends_the_session(machine, forged):
    """Nobody reads on for ever; the next command finds new processes."""
    line = f"yes {forged} | head -c {2 * NOISE_BYTES}"
    finished = await run(machine, f"chmod 600 {REPORTS}; {line} > {REPORTS}; sleep 600")
    assert (finished.exit_code, finished.stopped) == (None, KILLED)
    assert (await run(machine, "exit 3")).exit_code == 3


async def test_a_keeper_that_takes_nothing_more_is_replaced(machine, launch):
    """Whoever filled its FIFO."""
    keeper = int((await run(machine, "echo $PPID")).output)
    os.kill(keeper, signal.SIGSTOP)
    fifo = Path(launch.control, "k1")
    fifo.chmod(0o600)
    descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(descriptor, b"x\n" * 2048):
            pass
    os.close(descriptor)
    assert await run(machine, "exit 3") == Finished(b"", 0, 3)
    assert [each.name for each in fifo.parent.iterdir()] == ["k2"]
    os.kill(keeper, signal.SIGKILL)


def test_a_keeper_says_when_it_takes_nothing_more(tmp_path):
    """Nothing is raised, and nobody waits."""
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    keeper = Keeper(Control(folder), 1)
    sent = 0
    while keeper.send(sent):
        sent += 1
    assert sent > 1000
    keeper.close()
    assert list(tmp_path.iterdir()) == []
    os.close(folder)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
async def test_another_user_can_open_nothing_of_what_looks_after_it(launch, site):
    """Not the reports, not the requests, not what keepers are told; nor change their modes."""
    for folder in (site.folder, *site.folder.parents[:-2]):
        folder.chmod(0o755)
    argv = ("setpriv", "--reuid=65531", "--regid=65531", "--clear-groups", "--no-new-privs")
    other = msgspec.structs.replace(launch, argv=argv, owner=65_531)
    requests = REPORTS.removesuffix("1") + "0"
    control = launch.control
    async with open_machine(other, site, Allowance()) as machine:
        for line in (
            *(f": > {each}" for each in (REPORTS, requests, "/proc/$PPID/fd/1", f"{control}/k1")),
            *(f": < {each}" for each in (REPORTS, requests, "/proc/$PPID/fd/1")),
            *(f"chmod 666 {each}" for each in (REPORTS, requests, f"{control}/k1", control)),
            *(f"rm {control}/k1", f"touch {control}/2.sh"),
        ):
            finished = await run(machine, f"({line}) 2> /dev/null && exit 7; exit 3")
            assert finished.exit_code == 3, line


async def test_the_channel_can_be_found_by_nobody(machine, launch):
    """Once both sides have it, it has no name."""
    finished = await run(machine, f"ls {launch.control}")
    assert finished.output.split() == [b"1", b"1.sh", b"k1"]


async def test_a_process_of_a_command_opens_so_many_files(machine, launch, site):
    """Never more than we may ourselves."""
    line = "ulimit -S -n; ulimit -H -n"
    assert all(int(bound) <= 4096 for bound in (await run(machine, line)).output.split())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    try:
        async with open_machine(launch, msgspec.structs.replace(site), Allowance()) as other:
            assert (await run(other, line)).output.split()[0] == b"500"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_deep_paths_that_are_read_at_once_take_few_descriptors(machine, site):
    """However many ask: most of them wait for their turn."""
    path = "/".join(["a"] * 63)
    (site.folder / path).mkdir(parents=True)
    (site.folder / path / "file").write_text("content")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(descriptors()) + WALKS * 70
    found: list[bytes] = []

    async def read() -> None:
        found.append(await machine.read(f"{path}/file", 100))

    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(read)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found == [b"content"] * 40
    assert turn_to_walk() is turn_to_walk()


async def test_a_file_that_somebody_holds_back_is_no_fault_of_the_machine(machine, site):
    """Commands can do that by a lease, and the system then waits for them."""
    with (site.folder / "file").open("wb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
        with pytest.raises(BlockingIOError):
            await machine.read("file", 100)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    signal.signal(signal.SIGIO, before)
    assert await machine.read("file", 100) == b""


async def test_folders_are_let_go_of_where_one_cannot_be_removed(launch, site, tmp_path):
    """That the sandbox broke is told."""
    before = descriptors()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(open_machine(launch, site, Allowance()))
        site.scratch.rename(tmp_path / "elsewhere")
        site.scratch.write_text("no folder")
        with pytest.raises(SandboxError, match="can't be removed"):
            await stack.aclose()
    assert descriptors() == before
