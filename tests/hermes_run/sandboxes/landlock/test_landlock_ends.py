"""Nothing of a session behind Landlock outlives it, whatever it has made of itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from hermes_run.sandboxes.landlock import Landlock, landlock_wall
from hermes_run.sandboxes.wall import Allowance
from tests.hermes_run.sandboxes.landlock.places import (
    LONG,
    is_running,
    made_site,
    run,
    wait_for_the_end_of,
)

DAEMON = (
    "setsid env -i sh -c 'sh -c \"echo \\$\\$ >>pids; trap : HUP TERM; "
    f"{LONG} & echo \\$! >>pids; wait\" &' </dev/null >/dev/null 2>&1"
)
"""A daemon in a session of its own, without an environment, whose parents have ended."""

WAIT = "until [ $(wc -l <pids) = 2 ]; do sleep 0.01; done"


def daemons(folder: Path) -> list[int]:
    """Give the processes that daemons wrote down."""
    pids = [int(line) for line in (folder / "pids").read_text().split()]
    assert len(pids) == 2
    return pids


async def test_a_daemon_lives_as_long_as_its_session(wall, site):
    """It outlives its call, as in a container, and ends when the sandbox is closed."""
    async with wall.open(site) as sandbox:
        await run(sandbox, f"{DAEMON}; {WAIT}", lasting=True)
        await run(sandbox, "true")
        assert all(map(is_running, daemons(site.folder)))
    assert not any(map(is_running, daemons(site.folder)))


async def test_a_cancelled_session_leaves_no_process(wall, site):
    """Also in the middle of a call."""
    with anyio.move_on_after(240) as scope:
        async with wall.open(site) as sandbox, anyio.create_task_group() as tasks:
            tasks.start_soon(run, sandbox, f"{DAEMON}; {WAIT}; mkfifo ready; echo >ready; {LONG}")
            while not (site.folder / "ready").exists():  # noqa: ASYNC110 - it is made by a command
                await anyio.sleep(0.01)
            scope.cancel()
    assert scope.cancelled_caught
    assert not any(map(is_running, daemons(site.folder)))


async def test_a_stopped_session_has_no_process_and_goes_on(sandbox, site):
    """The next command finds the files and none of the processes."""
    await run(sandbox, f"{DAEMON}; {WAIT}", lasting=True)
    sandbox.stop("too much of everything")
    for pid in daemons(site.folder):
        await to_thread.run_sync(wait_for_the_end_of, pid)
    assert (await run(sandbox, "wc -l <pids")).output == b"2\n"


async def test_commands_that_kill_all_they_can_kill_themselves(sandbox, site, other):
    """What looks after them from outside is not reached, and the next command works."""
    await run(sandbox, f"{DAEMON}; {WAIT}", lasting=True)
    finished = await run(sandbox, "kill -KILL -1; sleep 1; echo not reached")
    assert b"not reached" not in finished.output
    assert (await run(sandbox, "echo again")).output == b"again\n"
    for pid in daemons(site.folder):
        await to_thread.run_sync(wait_for_the_end_of, pid)
    assert other.poll() is None


@pytest.mark.slow
async def test_what_is_stopped_ends_too(wall, site):
    """A supervisor that is stopped with all else does not hold up the end."""
    async with wall.open(site) as sandbox:
        await run(sandbox, f"{DAEMON}; {WAIT}", lasting=True)
        with anyio.move_on_after(3):
            await run(sandbox, "kill -STOP -1", timeout_s=1.0)
    assert not any(map(is_running, daemons(site.folder)))


async def test_a_fork_bomb_is_ended(site, wall):
    """By the system where it counts them, else by the keeper; the next command works."""
    async with landlock_wall(Allowance(processes=40)).open(site) as sandbox:
        bomb = "f() { for i in 1 2 3 4; do f & done; sleep 60; }; f"
        await run(sandbox, bomb, timeout_s=2.0)
        assert (await run(sandbox, "echo again")).output == b"again\n"


@pytest.mark.parametrize("reachable", [True, False])
def test_nothing_is_left_where_the_host_is_killed(reachable, wall):
    """A killed run can't clean up: the keeper does, and is gone, too."""
    if reachable and os.geteuid() != 0:
        pytest.skip("needs the root user")
    text = (
        "import anyio, sys; from pathlib import Path\n"
        "from hermes_run.sandboxes.landlock import landlock_wall\n"
        "from hermes_run.sandboxes.protocol import Command\n"
        "from hermes_run.sandboxes.wall import Allowance, Site\n"
        "async def main(folder, line):\n"
        "    site = Site(folder / 'workspace', folder / 'scratch')\n"
        "    async with landlock_wall(Allowance()).open(site) as sandbox:\n"
        "        await sandbox.run(Command(line, 20, 10000, lasting=True))\n"
        "        print(sandbox.leader, flush=True)\n"
        "        await anyio.sleep(600)\n"
        "anyio.run(main, Path(sys.argv[1]), sys.argv[2])\n"
    )
    with made_site(reachable=reachable) as site:
        argv = [sys.executable, "-c", text, str(site.folder.parent), f"{DAEMON}; {WAIT}"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as host:
            assert host.stdout
            leader = int(host.stdout.readline())
            host.send_signal(signal.SIGKILL)
        for pid in [*daemons(site.folder), leader]:
            wait_for_the_end_of(pid)


async def test_a_keeper_is_gone_with_its_session(wall, site):
    """So is who started it, and the FIFO tells."""
    async with wall.open(site) as sandbox:
        await run(sandbox, "true")
        leader = sandbox.leader
        assert leader is not None
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
    assert not any(map(is_running, [leader, *map(int, children)]))
    assert isinstance(wall, Landlock)
