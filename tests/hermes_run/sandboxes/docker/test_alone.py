"""A command that is alone in its container, and the processes that a container has."""

from __future__ import annotations

import os
import shutil

import psutil
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.usage import families_of
from tests.hermes_run.sandboxes.docker.running import LONG, run


async def test_nothing_runs_beside_a_command_that_is_alone(container):
    """What was left running is ended, and files are as they were."""
    await run(container, f"echo kept >file; {LONG} &", lasting=True)
    sleeping = "pgrep -x sleep | wc -l"  # one of them is the container's own
    assert (await run(container, sleeping)).output == b"2\n"
    assert (await run(container, f"cat file; {sleeping}", alone=True)).output == b"kept\n1\n"


async def test_a_command_that_is_alone_has_a_home_of_its_own(container):
    """Nobody can have put anything there that its programs would read."""
    await run(container, "touch .profile")
    finished = await run(container, "echo $HOME; ls -A ~; touch ~/mine && ls ~; pwd", alone=True)
    first, *rest = finished.output.decode().split()
    assert first.startswith("/tmp/home-")
    assert rest == ["mine", "/workspace"]
    again = await run(container, "echo $HOME", alone=True)
    assert again.output.decode().strip() not in {first, "/workspace"}
    assert (await run(container, "echo $HOME")).output == b"/workspace\n"


async def test_a_command_for_which_no_home_can_be_made_is_not_run(container, site):
    """It would find what the session has left."""
    shutil.rmtree(site.scratch / "tmp")
    with pytest.raises(SandboxError, match="can't be prepared: No such file"):
        await run(container, "true", alone=True)


async def test_the_first_process_of_a_container_is_known(container, engine):
    """Also after it was started anew; not when it is closed."""
    (made,) = engine.containers.values()
    assert container.leader == made.machine.init
    before = container.leader
    await run(container, "true", alone=True)
    assert container.leader == made.machine.init != before
    await container.close()
    assert container.leader is None


async def test_a_process_that_is_not_of_this_container_is_not_taken_for_it(container, engine):
    """An engine in a machine of its own numbers other processes."""
    (made,) = engine.containers.values()
    for pid in (1, 2**22 + 1):
        made.pid = pid
        await run(container, "true", alone=True)
        assert container.leader is None


async def test_what_commands_started_is_found_by_the_first_process(container):
    """They are no children of it: the engine put them there."""
    await run(container, f"{LONG} & ({LONG} &)", lasting=True)
    assert container.leader is not None
    found = families_of([container.leader])[container.leader].processes
    names = [psutil.Process(pid).name() for pid in found if psutil.pid_exists(pid)]
    assert names.count("sleep") == 3  # one of them is the container's own
    assert len(set(found)) == len(found)
    assert os.getpid() not in found
