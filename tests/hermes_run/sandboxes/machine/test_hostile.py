"""Whatever a command does to the machine it runs in, its call ends and the next one works."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.sandboxes import life as lives
from hermes_run.sandboxes import machine as machines
from hermes_run.sandboxes.life import CLOSED, KILLED, NOISE_BYTES, SILENT
from hermes_run.sandboxes.machine import Machine, open_machine
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import Allowance

WAIT_S = 240.0

SUPERVISOR = "$(ps -o ppid= -p $PPID | tr -d ' ')"
"""The process above the one that looks after a command."""


OPEN = f"reports=/proc/{SUPERVISOR}/fd/1; chmod 600 $reports"
"""Nobody behind a wall can do that; here it is done to see what comes of it."""


async def run(machine: Machine, line: str, **bounds: object) -> Finished:
    """Run *line*, which ends in time whatever it does."""
    command = Command(line, **{"timeout_s": 10.0, "limit": 10_000, **bounds})
    with anyio.fail_after(WAIT_S):
        return await machine.run(command)


async def until_there(path: Path) -> None:
    """Wait until a command has made a file."""
    with anyio.fail_after(WAIT_S):
        while True:
            if path.exists():
                return
            await anyio.sleep(0.01)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask early, and give up soon."""
    monkeypatch.setattr(machines, "FIRST_ASK_S", 1.0)
    monkeypatch.setattr(lives, "ANSWER_S", 3.0)


async def test_who_kills_what_looks_after_it_is_stopped(machine):
    """Nobody could tell how the command ends."""
    finished = await run(machine, "echo one; kill -9 $PPID; sleep 600")
    assert (finished.output, finished.exit_code, finished.stopped) == (b"one\n", None, KILLED)
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_who_kills_the_supervisor_is_stopped_with_all_the_others(machine, site):
    """A new one is started for the next command, which finds the files."""
    before = machine.leader
    finished = await run(machine, f"echo kept > file; kill -9 {SUPERVISOR} $PPID; sleep 600")
    assert (finished.exit_code, finished.stopped) == (None, KILLED)
    assert (await run(machine, "cat file")).output == b"kept\n"
    assert machine.leader not in {before, None}


async def test_a_supervisor_that_is_halted_is_replaced(machine):
    """It no longer answers."""
    finished = await run(machine, f"kill -STOP {SUPERVISOR}; sleep 600")
    assert (finished.exit_code, finished.stopped) == (None, SILENT)
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_a_command_that_halts_what_looks_after_it_ends_at_its_limit(machine):
    """It can't be ended by itself then, so all is."""
    finished = await run(machine, "kill -STOP $PPID; sleep 600", timeout_s=0.5)
    assert (finished.exit_code, finished.timed_out) == (None, True)
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_a_flood_of_nonsense_is_not_listened_to(machine):
    """The pipe of the reports can be written to by commands."""
    line = f"{OPEN}; yes nonsense | head -c {2 * NOISE_BYTES} > $reports; sleep 600"
    finished = await run(machine, line)
    assert (finished.exit_code, finished.stopped) == (None, KILLED)
    assert (await run(machine, "echo two")).output == b"two\n"


@pytest.mark.parametrize(
    "forged",
    [
        "ended 99 0 0",
        "begun",
        "ready",
        "here 1",
        "lost 1",
        "here 7",
        "lost 7",
        "gone 5",
        "ended 9",
        "\\0\\377",
    ],
)
async def test_forged_reports_about_nothing_change_nothing(machine, forged):
    """A few lines are noise, from whoever they come."""
    finished = await run(machine, f"{OPEN}; printf '{forged}\\n' > $reports; exit 3")
    assert finished == Finished(b"", 0, 3)


async def test_who_forges_its_own_end_has_it(machine):
    """Whatever it reports of itself, its call ends, and the next one works."""
    line = f"{OPEN}; echo one; echo 'ended 1 7 0' > $reports; sleep 600"
    finished = await run(machine, line)
    assert (finished.output, finished.exit_code) == (b"one\n", 7)
    machine.stop("tried")
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_reports_that_a_command_reads_away_hold_nobody(machine):
    """The call ends at its limit at the latest."""
    line = f"{OPEN}; cat $reports > stolen & sleep 0.2; true"
    finished = await run(machine, line, timeout_s=2.0)
    assert finished.exit_code in {0, None}
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_output_that_a_command_reads_away_is_its_own_loss(machine, launch):
    """There is less of it, and an end."""
    line = f"cat {launch.control}/1 > /dev/null & for i in $(seq 2000); do echo $i; done; exit 4"
    assert (await run(machine, line)).exit_code == 4


async def test_without_its_fifos_a_session_goes_on(machine, launch):
    """Those of calls that run are open already; who waits for the next is not found any more."""
    finished = await run(machine, f"rm -f {launch.control}/*; echo one; exit 5")
    assert finished == Finished(b"one\n", 4, 5)
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_something_else_in_place_of_a_fifo_is_not_read(machine, launch, site):
    """Where a command could lay a link, it leads nowhere."""
    (site.scratch / "secret").write_text("the secret")
    await run(machine, f"cd {launch.control}; ln -s ../secret 2; ln -s ../secret 2.sh")
    with pytest.raises(machines.SandboxError, match="can't be prepared: File exists"):
        await run(machine, "true")


async def test_stopping_ends_all_that_runs_and_says_why(machine, site):
    """The next command finds new processes."""
    stopped: list[Finished] = []

    async def one(name: str) -> None:
        stopped.append(await run(machine, f"touch {name}; sleep 600"))

    async with anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            tasks.start_soon(one, name)
        for name in ("a", "b", "c"):
            await until_there(site.folder / name)
        machine.stop("it took too much memory")
    assert {each.stopped for each in stopped} == {"it took too much memory"}
    assert {each.exit_code for each in stopped} == {None}
    assert (await run(machine, "echo two")).output == b"two\n"


async def test_stopping_what_does_not_run_is_nothing(launch, site):
    """Before the first command, and after the last."""
    async with open_machine(launch, site, Allowance()) as machine:
        machine.stop("nothing")
        assert machine.leader is None
        await run(machine, "true")
        machine.stop("nothing")
    machine.stop("nothing")


async def test_a_call_that_runs_while_the_sandbox_is_closed_ends(machine, site):
    """It is told so."""
    finished: list[Finished] = []

    async def one() -> None:
        finished.append(await run(machine, "touch started; sleep 600"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        await until_there(site.folder / "started")
        await machine.close()
    assert [each.stopped for each in finished] in ([CLOSED], [None])


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
async def test_a_command_that_fills_all_places_for_processes_is_ended(launch, site):
    """The supervisor has room of its own, so that the call ends at its limit and no sooner."""
    for folder in (site.folder, *site.folder.parents[:-2]):
        folder.chmod(0o755)
    uid = 2**20 + os.getpid()  # nobody else's: processes are counted by it
    argv = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs")
    other = msgspec.structs.replace(launch, argv=argv, owner=uid, counted=True)
    async with open_machine(other, site, Allowance(processes=50)) as machine:
        line = "while :; do sleep 600 & done 2>/dev/null"
        finished = await run(machine, line, timeout_s=1.5)
        assert (finished.exit_code, finished.timed_out) == (None, True)
        assert await run(machine, "echo two") == Finished(b"two\n", 4, 0)
