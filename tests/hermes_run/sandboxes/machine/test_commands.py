"""Commands of a session share a machine, and each has its bounds and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import psutil
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes import machine as machines
from hermes_run.sandboxes.call import DRIPS
from hermes_run.sandboxes.machine import Machine, open_machine
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import Allowance, Site

WAIT_S = 240.0

BACKGROUND = "mkfifo gate; (read -r < gate; echo late > made) > /dev/null 2>&1 & echo $!"


async def run(machine: Machine, line: str, **bounds: object) -> Finished:
    """Run *line*; what has a limit of ten seconds is not expected to reach it."""
    command = Command(line, **{"timeout_s": 10.0, "limit": 10_000, **bounds})
    with anyio.fail_after(WAIT_S):
        return await machine.run(command)


def is_running(pid: int) -> bool:
    """Tell whether a process is there, and not just not yet waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what is about to come true."""
    with anyio.fail_after(WAIT_S):
        while True:
            if condition():
                return
            await anyio.sleep(0.01)


async def test_what_a_lasting_command_leaves_goes_on_until_the_end(launch, site):
    """The next command can talk to it, and nobody after the session."""
    async with open_machine(launch, site, Allowance()) as machine:
        left = int((await run(machine, BACKGROUND, lasting=True)).output)
        assert is_running(left)
        assert (await run(machine, f"kill -0 {left}")).exit_code == 0
        other = int((await run(machine, "sleep 600 & echo $!", lasting=True)).output)
        await run(machine, "echo > gate")
        await until((site.folder / "made").exists)
        assert is_running(other)
    await until(lambda: not is_running(other))


async def test_what_a_lasting_command_left_may_write_on(machine, site):
    """Nobody reads it, and nobody is killed or held up for it."""
    line = "mkfifo gate; (read -r < gate; seq 100000; touch written) & echo begun"
    assert (await run(machine, line, lasting=True)).output == b"begun\n"
    await run(machine, "echo > gate")
    await until((site.folder / "written").exists)


async def test_what_another_command_leaves_ends_with_it(machine):
    """It did not ask for more."""
    left = int((await run(machine, "sleep 600 >/dev/null 2>&1 & echo $!")).output)
    await until(lambda: not is_running(left))


async def test_a_lasting_command_at_its_limit_leaves_nothing(machine):
    """What did not come to its end has nothing to leave."""
    finished = await run(machine, "sleep 600 & echo $!; wait", lasting=True, timeout_s=2.0)
    assert finished.timed_out
    await until(lambda: not is_running(int(finished.output)))


async def test_commands_do_not_wait_for_each_other(machine):
    """Each of the first waits for all that come after it."""
    await run(machine, "mkfifo 1 2 3 4 5 6 7 8")
    async with anyio.create_task_group() as tasks:
        for number in range(1, 9):
            tasks.start_soon(run, machine, f"read -r < {number}")
        assert (await run(machine, "for i in 1 2 3 4 5 6 7 8; do echo > $i; done")).exit_code == 0


async def test_an_ordinary_command_starts_with_nothing_but_its_own(machine):
    """No descriptor of ours, no signal that Python ignores, no memory dump."""
    own = Path("/proc/self/status").read_text().partition("SigIgn:")[2].split()[0]
    inherited = int(own, 16) & ~(1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    line = "ls /proc/self/fd; grep SigIgn /proc/self/status; ulimit -c"
    output = (await run(machine, line)).output.decode().split()
    assert output == ["0", "1", "2", "3", "SigIgn:", f"{inherited:016x}", "0"]


async def test_commands_have_their_bounds(launch, site):
    """Memory of a process, size of a file, processes of the user where nobody else is that."""
    allowance = Allowance(memory=2**30, disk=2**20, processes=300)
    line = "exec 2>&-; head -c 2000000 /dev/zero > large; stat -c %s large; ulimit -d; ulimit -u"
    async with open_machine(launch, site, allowance) as machine:
        *bounds, processes = (await run(machine, line)).output.split()
        assert bounds == [b"1048576", b"1048576"]
        assert processes != b"300"
    async with open_machine(msgspec.structs.replace(launch, counted=True), site, allowance) as one:
        assert (await run(one, "ulimit -u")).output == b"300\n"


async def test_a_command_may_run_in_the_temporary_folder(machine, launch):
    """It belongs to the session; what lies outside does not."""
    finished = await run(machine, "pwd", directory=launch.temporary)
    assert finished.output.decode() == f"{launch.temporary}\n"
    with pytest.raises(PermissionError):
        await run(machine, "pwd", directory=f"{launch.temporary}/..")


async def test_files_of_both_folders_are_read_and_written(machine, launch, site):
    """By the paths that commands see, and by links from one to the other."""
    await machine.write(f"{launch.temporary}/made/file", b"one")
    (site.folder / "link").symlink_to(f"{launch.temporary}/made")
    assert await machine.read("link/file", 10) == b"one"
    with pytest.raises(PermissionError):
        await machine.read(f"{launch.control}/k1", 10)


async def test_quotes_and_lines_reach_the_shell_as_they_are(machine, site):
    """The command and its folder may hold anything but a NUL."""
    folder = site.folder / "a 'b' \"c\"\n$d"
    folder.mkdir()
    line = "echo 'it'\"'\"'s' \\\n  \"two\"\npwd"
    finished = await run(machine, line, directory=folder.name)
    assert finished.output.decode() == f"it's two\n{folder}\n"


async def test_many_small_writes_come_through_whole(machine):
    """They are read in no hurry."""
    count = 4 * DRIPS
    finished = await run(machine, f"for i in $(seq {count}); do echo $i; sleep 0.001; done")
    assert finished.output.split() == [b"%d" % number for number in range(1, count + 1)]


async def test_a_long_command_is_asked_after_and_left_alone(machine, monkeypatch):
    """It is looked after still."""
    monkeypatch.setattr(machines, "FIRST_ASK_S", 0.02)
    assert (await run(machine, "sleep 0.5; echo done; exit 127")) == Finished(b"done\n", 5, 127)


async def test_nothing_is_left_in_the_control_folder(launch, site):
    """Neither after a call but for who waits for the next, nor after the session."""
    async with open_machine(launch, site, Allowance()) as machine:
        await run(machine, "true")
        await run(machine, "true")
        assert [path.name for path in Path(launch.control).iterdir()] == ["k1"]
    assert [path.name for path in site.scratch.iterdir()] == ["tmp"]


async def test_what_a_killed_host_left_there_is_no_obstacle(launch, site):
    """Numbers begin anew."""
    for name in ("1", "1.sh", "k1"):
        (site.scratch / "control" / name).mkdir(parents=True)
    async with open_machine(launch, site, Allowance()) as machine:
        assert (await run(machine, "true")).exit_code == 0


async def test_more_commands_at_once_than_wait_for_the_next(machine, launch):
    """Only some are kept."""
    await run(machine, "mkfifo 1 2 3 4 5 6")
    async with anyio.create_task_group() as tasks:
        for number in range(1, 7):
            tasks.start_soon(run, machine, f"read -r < {number}")
        await run(machine, "for i in 1 2 3 4 5 6; do echo > $i; done")
    assert len(list(Path(launch.control).iterdir())) == 4


RUNNER = """
import os, sys
from pathlib import Path
import anyio
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command

async def main(folder, scratch):
    async with open_plain(Path(folder), {}, Path(scratch)) as sandbox:
        await sandbox.run(Command("sleep 600 >/dev/null 2>&1 & echo $! > one", 9, 9, lasting=True))
        await sandbox.run(Command("echo $$ > two; mv two three; sleep 600", 600, 9))

anyio.run(main, *sys.argv[1:])
"""


def start_runner(site: Site) -> subprocess.Popen[bytes]:
    """Start a host that will be killed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", RUNNER, str(site.folder), str(site.scratch)]
    return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)


async def test_nothing_outlives_a_host_that_was_killed(site):
    """The supervisor finds nobody to listen to, and ends what it runs and what it kept."""
    runner = start_runner(site)
    await until((site.folder / "three").exists)
    pids = [int((site.folder / name).read_text()) for name in ("one", "three")]
    assert all(map(is_running, pids))
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    await until(lambda: not any(map(is_running, pids)))


async def test_a_supervisor_that_cannot_be_started_is_a_broken_sandbox(launch, site):
    """It is tried more than once, and what it said is told."""
    failing = msgspec.structs.replace(launch, argv=("sh", "-c", "echo no namespaces; exit 1"))
    async with open_machine(failing, site, Allowance()) as machine:
        with pytest.raises(SandboxError, match="can't be started: no namespaces"):
            await run(machine, "true")
    missing = msgspec.structs.replace(launch, argv=("/no/such/wall",))
    async with open_machine(missing, site, Allowance()) as machine:
        with pytest.raises(SandboxError, match=r"can.t be started: .*No such file"):
            await run(machine, "true")


async def test_a_closed_machine_runs_nothing(launch, site):
    """It can be closed twice."""
    async with open_machine(launch, site, Allowance()) as machine:
        await run(machine, "true")
        await machine.close()
        assert machine.leader is None
        with pytest.raises(SandboxError, match="closed"):
            await run(machine, "true")


async def test_a_machine_needs_its_folders(launch, site, tmp_path):
    """It makes none but its own."""
    gone = msgspec.structs.replace(site, folder=tmp_path / "none")
    with pytest.raises(SandboxError, match="No such file"):
        async with open_machine(launch, gone, Allowance()):
            pytest.fail("opened")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands files over")
async def test_files_are_handed_over_to_who_the_processes_are(launch, site):
    """What is made from outside can be changed inside."""
    for folder in (site.folder, *site.folder.parents[:-2]):
        Path(folder).chmod(0o755)
    os.chown(site.folder, 65_531, 65_531)
    argv = ("setpriv", "--reuid=65531", "--regid=65531", "--clear-groups", "--no-new-privs")
    other = msgspec.structs.replace(launch, argv=argv, owner=65_531)
    async with open_machine(other, site, Allowance()) as machine:
        await machine.write("made/file", b"one")
        finished = await run(
            machine, "id -u; echo two >> made/file; touch made/other; cat made/file"
        )
    assert finished.output == b"65531\nonetwo\n"
    assert (site.folder / "made/other").stat().st_uid == 65_531
