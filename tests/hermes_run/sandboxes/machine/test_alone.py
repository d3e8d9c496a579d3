"""A command that is to run alone finds nothing that the session left but its files."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from hermes_run.sandboxes.life import CLOSED
from hermes_run.sandboxes.machine import Machine
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command, Finished

WAIT_S = 240.0


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


def runs(pid: bytes) -> str:
    """Write a command that succeeds if a process runs: it may have ended and be a number still."""
    return f"grep -q '^State:.[RSDT]' /proc/{int(pid)}/status 2> /dev/null"


async def test_what_was_left_running_has_ended_before(machine):
    """The files are as they were."""
    left = (await run(machine, "echo kept > file; sleep 600 & echo $!", lasting=True)).output
    assert (await run(machine, runs(left))).exit_code == 0
    finished = await run(machine, f"cat file; {runs(left)}", alone=True)
    assert (finished.output, finished.exit_code == 0) == (b"kept\n", False)


async def test_its_home_is_empty_and_nobody_elses(machine, launch, site):
    """What a session left in its own is not read; what the command leaves, the next does not see.

    It can be written to: compilers and package managers keep something there.
    """
    (site.folder / ".profile").write_text("exit 0")
    line = 'ls -A "$HOME"; touch ~/mine; echo "$HOME $PYTHONNOUSERSITE"; pwd'
    one, two = [(await run(machine, line, alone=True)).output.decode() for _ in range(2)]
    (home, python), folder = one.splitlines()[0].split(" "), one.splitlines()[1]
    assert (python, folder) == ("1", str(site.folder))
    assert Path(home).parent == Path(launch.temporary)
    assert one != two
    usual = await run(machine, 'echo "$HOME+$PYTHONNOUSERSITE"')
    assert usual.output.decode() == f"{site.folder}+\n"


async def test_who_waits_to_speak_for_it_is_gone(machine, launch):
    """Not even where no wall protects what looks after commands."""
    line = f"""
    echo 'perform() {{ code=0 group=0; }}' > {launch.temporary}/evil.sh
    while :; do
        for each in {launch.control}/k*; do echo ../tmp/evil > $each; done
        sleep 0.001
    done 2> /dev/null > /dev/null &
    """
    await run(machine, line, lasting=True)
    assert (await run(machine, "exit 3", alone=True)).exit_code == 3


async def test_what_runs_meanwhile_is_ended_and_told(machine, site):
    """It has no time left."""
    finished: list[Finished] = []

    async def other() -> None:
        finished.append(await run(machine, "touch started; sleep 600"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        await until_there(site.folder / "started")
        assert (await run(machine, "exit 4", alone=True)).exit_code == 4
    assert [each.stopped for each in finished] in ([CLOSED], [None])
    assert finished[0].exit_code != 0
    assert (await run(machine, "exit 5")).exit_code == 5


async def test_it_may_be_the_first(machine):
    """There is nothing to end then."""
    assert (await run(machine, "exit 6", alone=True)).exit_code == 6


@pytest.mark.parametrize("session", ["setsid ", ""])
async def test_without_a_wall_what_left_its_session_is_ended_too(site, session):
    """It is known by its mark."""
    async with open_plain(site.folder, {}, site.scratch) as sandbox:
        with anyio.fail_after(WAIT_S):
            line = f"{session}sleep 600 > /dev/null 2>&1 & echo $!"
            left = (await sandbox.run(Command(line, 10.0, 100, lasting=True))).output
            line = runs(left)
            assert (await sandbox.run(Command(line, 240.0, 100))).exit_code == 0
            assert (await sandbox.run(Command(line, 10.0, 100, alone=True))).exit_code != 0
