"""A command that is alone in its container, and the processes that a container has."""

from __future__ import annotations

from tests.hermes_run.sandboxes.docker.running import LONG, run


async def test_nothing_runs_beside_a_command_that_is_alone(container):
    """What was left running is ended, and files are as they were."""
    await run(container, f"echo kept >file; {LONG} &", lasting=True)
    sleeping = "pgrep -x sleep | wc -l"  # one of them is the container's own
    assert (await run(container, sleeping)).output == b"2\n"
    assert (await run(container, f"cat file; {sleeping}", alone=True)).output == b"kept\n1\n"


async def test_a_command_that_is_alone_has_an_empty_home(container):
    """Nobody can put anything there that its programs would read; others have their own home."""
    line = "echo $HOME; ls -A ~; touch ~/file; mkdir -p ~/.local; chmod u+w ~"
    finished = await run(container, f"({line}) 2>/dev/null; ls -A ~", alone=True)
    assert finished.output == b"/var/empty\n"
    assert (await run(container, "touch /var/empty/file || echo $HOME")).output.endswith(
        b"/workspace\n"
    )


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
