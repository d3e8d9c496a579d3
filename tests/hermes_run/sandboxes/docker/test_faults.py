"""An engine that is slow, dies, refuses or makes no sense: a sentence, and nothing left."""

from __future__ import annotations

from contextlib import nullcontext

import anyio
import msgspec
import pytest

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.docker import engine as door
from hermes_run.sandboxes.docker import open_docker_wall, session
from hermes_run.sandboxes.docker import wall as walls
from hermes_run.sandboxes.docker.owner import OWNER, labels, this_process
from tests.hermes_run.sandboxes.docker.conftest import ALLOWANCE
from tests.hermes_run.sandboxes.docker.engine import Container, Fault
from tests.hermes_run.sandboxes.docker.machine import Machine
from tests.hermes_run.sandboxes.docker.running import LONG, make_fifo, read_fifo, run

HANGS, DIES = 0, None
NONSENSE = ["[]", "{}", "5", "null", "<html>", '{"Id": 5, "Running": "perhaps"}']

OPENING = [
    "GET /version",
    "GET /info",
    "GET /containers/json",
    "GET /images/.*",
]
STARTING = ["POST /containers/create", "POST /containers/.*/start", "POST /containers/.*/exec"]
RUNNING = ["POST /containers/.*/exec", "POST /exec/.*/start", "GET /exec/.*/json"]


@pytest.fixture
def soon(monkeypatch) -> None:
    """Let everybody lose patience at once."""
    monkeypatch.setattr(door, "ANSWER_S", 1.0)
    monkeypatch.setattr(session, "START_S", 1.0)
    monkeypatch.setattr(session, "END_S", 2.0)


async def running_in(sandbox) -> list[bytes]:
    """Find what runs on in a container."""
    finished = await run(sandbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    return [LONG.encode()] if LONG.encode() in finished.output else []


async def open_wall_once() -> None:
    """Open a wall and close it again."""
    with anyio.fail_after(240):
        async with open_docker_wall(ALLOWANCE, "here"):
            pass


@pytest.mark.parametrize("pattern", OPENING)
@pytest.mark.parametrize("status", [500, HANGS, DIES])
async def test_a_wall_is_not_opened_by_an_engine_that_is_ill(engine, soon, pattern, status):
    """It is said what the engine did not do."""
    engine.faults.append(Fault(pattern, status, times=1000))
    with pytest.raises(SandboxError, match="the container engine did not"):
        await open_wall_once()


@pytest.mark.parametrize("pattern", OPENING)
@pytest.mark.parametrize("text", NONSENSE)
async def test_a_wall_is_not_opened_by_an_engine_that_makes_no_sense(engine, soon, pattern, text):
    """An answer is read for what it should be, and nothing else comes out of it."""
    engine.faults.append(Fault(pattern, 200, text, times=1))
    takes = {"GET /containers/json": ["[]", "{}"], "GET /images/.*": ["{}", NONSENSE[-1]]}
    harmless = text in takes.get(pattern, ())
    with nullcontext() if harmless else pytest.raises(SandboxError, match="the container engine"):
        await open_wall_once()
    assert engine.containers == {}


async def test_an_answer_of_another_kind_makes_no_sense_either(engine, soon):
    """A page of a proxy, say."""
    engine.faults.append(Fault("GET /info", 200, "<html>hello</html>", kind="text/html"))
    with pytest.raises(SandboxError, match="did not say what it is"):
        await open_wall_once()


async def test_where_nobody_listens_there_is_no_wall(short, monkeypatch):
    """The address stands in the sentence."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{short}/none.sock")
    with pytest.raises(SandboxError, match=r"none\.sock"):
        await open_wall_once()


async def test_an_address_may_be_one_of_tcp(engine, monkeypatch):
    """Nobody listens there either."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(SandboxError, match=r"127\.0\.0\.1:1"):
        await open_wall_once()


@pytest.mark.parametrize("url", ["nonsense", "ssh://nobody@127.0.0.1:1"])
async def test_an_address_that_is_none_is_said(monkeypatch, url):
    """By whoever set it."""
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises((UsageError, SandboxError), match="container engine"):
        await open_wall_once()


async def test_a_context_that_is_not_there_is_said(monkeypatch, tmp_path):
    """The client names the file that is missing."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(UsageError, match=r"meta\.json"):
        await open_wall_once()


@pytest.mark.parametrize("pattern", STARTING)
@pytest.mark.parametrize("status", [409, HANGS, DIES])
@pytest.mark.parametrize("after", [False, True])
async def test_a_session_that_can_not_begin_leaves_nothing(
    engine, soon, site, pattern, status, after
):
    """Also where the engine did it and only its answer is lost."""
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        engine.faults.append(Fault(pattern, status, after=after))
        with pytest.raises(SandboxError, match=r"the container engine did not|did not answer"):
            async with wall.open(site):
                pytest.fail("opened")
    assert engine.containers == {}


@pytest.mark.parametrize("text", NONSENSE)
async def test_a_session_does_not_begin_by_what_makes_no_sense(engine, soon, wall, site, text):
    """What was made is removed by the name that we gave it."""
    engine.faults.append(Fault("POST /containers/create", 201, text, after=True))
    harmless = "Id" in text  # it is by the name of ours that it is asked for
    failing = pytest.raises(SandboxError, match="did not make a container")
    with nullcontext() if harmless else failing:
        async with wall.open(site) as sandbox:
            assert (await run(sandbox, "echo on")).output == b"on\n"
    assert engine.containers == {}


@pytest.mark.parametrize("after", [False, True])
async def test_a_session_cancelled_while_its_container_is_made_leaves_none(
    engine, soon, wall, site, after
):
    """However late the engine's answer comes."""
    engine.faults.append(Fault("POST /containers/create", HANGS, after=after))

    async def open_one() -> None:
        async with wall.open(site):
            pytest.fail("opened")

    async with anyio.create_task_group() as group:
        group.start_soon(open_one)
        await engine.until_asked_for("POST /containers/create")
        group.cancel_scope.cancel()
    assert engine.containers == {}


@pytest.mark.parametrize("pattern", RUNNING)
@pytest.mark.parametrize("status", [HANGS, DIES, 200])
async def test_a_command_whose_engine_fails_is_a_broken_sandbox(
    engine, soon, wall, site, pattern, status
):
    """Nothing of it goes on, and the next command runs."""
    async with wall.open(site) as sandbox:
        engine.faults.append(Fault(pattern, status, "{}", times=1000))
        with pytest.raises(SandboxError, match="the container engine did not"):
            await run(sandbox, f"exec {LONG}")
        engine.faults.clear()
        assert await running_in(sandbox) == []


@pytest.mark.parametrize("pattern", RUNNING[:2])
async def test_a_command_that_was_refused_is_run_once_more_in_a_fresh_container(
    engine, wall, site, pattern
):
    """There may have been no room for another process."""
    async with wall.open(site) as sandbox:
        engine.faults.append(Fault(pattern, 500))
        assert (await run(sandbox, "echo ran >> ran; cat ran")).output == b"ran\n"
        engine.faults.append(Fault(pattern, 500, times=2))
        with pytest.raises(SandboxError, match="it hurts"):
            await run(sandbox, "true")
        assert (await run(sandbox, "echo ran >> ran; cat ran")).output == b"ran\nran\n"


async def test_a_container_that_starts_no_command_says_why(engine, wall, site, monkeypatch):
    """As an engine writes it where the command's output would stand."""
    async with wall.open(site) as sandbox:
        monkeypatch.setattr(session, "RUN", "echo 'OCI runtime exec failed: no room'; exit 126")
        with pytest.raises(SandboxError, match="OCI runtime exec failed: no room"):
            await run(sandbox, "true")
        monkeypatch.setattr(session, "RUN", "exit 126")
        with pytest.raises(SandboxError, match="it ended with 126"):
            await run(sandbox, "true")


async def test_a_command_that_does_not_begin_is_ended_with_all_others(
    engine, soon, wall, site, monkeypatch
):
    """Not even its group is known."""
    async with wall.open(site) as sandbox:
        with monkeypatch.context() as patch:
            patch.setattr(session, "RUN", LONG)
            with pytest.raises(SandboxError, match="did not begin a command in time"):
                await run(sandbox, "true")
        assert await running_in(sandbox) == []


async def test_an_image_without_a_shell_is_no_use(engine, site, monkeypatch):
    """It is said what came instead."""
    monkeypatch.setattr(walls, "PROBE", "echo hello")
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        with pytest.raises(SandboxError, match="no command can be run in this image: hello"):
            async with wall.open(site):
                pytest.fail("opened")


async def test_an_image_whose_shell_hangs_is_no_use(engine, soon, site, monkeypatch):
    """Nobody waits for it."""
    monkeypatch.setattr(walls, "PROBE", LONG)
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        with pytest.raises(SandboxError, match="did not answer in time"):
            async with wall.open(site):
                pytest.fail("opened")
    assert engine.containers == {}


async def test_a_command_that_can_not_be_ended_from_inside_is_ended_from_outside(
    engine, wall, site, monkeypatch
):
    """The container is started again."""
    async with wall.open(site) as sandbox:
        with monkeypatch.context() as patch:
            patch.setattr(session, "END", "echo 0; exit 1")
            assert (await run(sandbox, LONG, timeout_s=0.2)).timed_out
        assert len(engine.asked_for("POST /containers/.*/restart")) == 1
        assert await running_in(sandbox) == []


async def test_a_command_that_can_not_be_ended_at_all_breaks_its_sandbox(
    engine, wall, site, monkeypatch
):
    """Nobody is told that it is over while it may go on."""
    async with wall.open(site) as sandbox:
        monkeypatch.setattr(session, "END", "exit 1")
        engine.faults.append(Fault("POST /containers/.*/restart", 500))
        with pytest.raises(SandboxError, match="can't be ended"):
            await run(sandbox, LONG, timeout_s=0.2)
        with pytest.raises(SandboxError, match="can't be ended"):
            await run(sandbox, "true")


async def test_an_engine_that_dies_with_a_command_is_a_broken_sandbox(engine, soon, wall, site):
    """It is the same for all who ask it from then on, and nobody waits for ever."""
    started = make_fifo(site.folder / "started")

    async def die() -> None:
        await read_fifo(started)
        engine.faults.append(Fault(".*", DIES, times=1000))
        for container in engine.containers.values():
            await container.machine.kill()

    async with wall.open(site) as sandbox, anyio.create_task_group() as group:
        group.start_soon(die)
        with pytest.raises(SandboxError):
            await run(sandbox, f"echo > started; {LONG}")
        with pytest.raises(SandboxError):
            await run(sandbox, "true")
    engine.faults.clear()


async def test_an_image_that_never_arrives_is_given_up(engine, wall, site, monkeypatch):
    """Nothing is heard of it for too long."""
    monkeypatch.setattr(door, "PULL_SILENCE_S", 0.3)
    engine.pull_may_end.clear()
    with pytest.raises(SandboxError, match="did not pull the image far in time"):
        async with wall.open(msgspec.structs.replace(site, image="far")):
            pytest.fail("opened")


@pytest.mark.parametrize("text", ["", '{"status": "Done"}', "nonsense", "5"])
async def test_a_pull_that_ends_without_the_image_failed(engine, wall, site, text):
    """Whatever the engine said."""
    engine.faults.append(Fault("POST /images/create", 200, text))
    with pytest.raises(SandboxError, match="the image far"):
        async with wall.open(msgspec.structs.replace(site, image="far")):
            pytest.fail("opened")


async def test_a_pull_that_is_refused_says_why(engine, wall, site):
    """At once, and not among what it says meanwhile."""
    engine.faults.append(Fault("POST /images/create", 500))
    with pytest.raises(SandboxError, match="did not pull the image far: it hurts"):
        async with wall.open(msgspec.structs.replace(site, image="far")):
            pytest.fail("opened")
    assert engine.asked_for("POST /images/create")[0].query["tag"] == "latest"


@pytest.mark.parametrize("status", [404, 409])
async def test_a_container_that_is_gone_already_is_removed(engine, wall, site, status):
    """Or is just being removed by somebody else."""
    async with wall.open(site):
        engine.faults.append(Fault("DELETE .*", status, after=True))
    assert engine.containers == {}


async def test_a_container_of_others_that_can_not_be_removed_is_in_nobodys_way(engine, tmp_path):
    """The wall opens without it gone."""
    gone = labels("w", msgspec.structs.replace(this_process(), started="1"))
    body = {"Image": "here", "Entrypoint": ["sh"], "Labels": {OWNER: gone[OWNER]}}
    engine.containers["x"] = Container("x", "x", body, Machine(body, tmp_path))
    engine.faults.append(Fault("DELETE .*", 500))
    await open_wall_once()
    assert list(engine.containers) == ["x"]


async def test_an_engine_that_is_not_there_at_the_end_does_not_hold_up_the_run(engine, soon):
    """What is left is removed by the next run."""
    with anyio.fail_after(240):
        async with open_docker_wall(ALLOWANCE, "here"):
            engine.faults.append(Fault(".*", DIES, times=1000))
            asked = len(engine.asked)
        assert len(engine.asked) > asked
