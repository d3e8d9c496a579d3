"""The stand-in speaks what the real client of the engine understands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import anyio
import pytest

from tests.hermes_run.sandboxes.docker.running import run

needs_docker = pytest.mark.skipif(not shutil.which("docker"), reason="needs the docker command")


@pytest.fixture
def docker(engine, tmp_path):
    """Run the docker command against the stand-in."""
    environment = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(tmp_path / "docker")}

    async def docker(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        argv = ["docker", "--host", engine.url, *arguments]
        with anyio.fail_after(240):
            return await anyio.run_process(argv, check=False, env=environment)

    return docker


@needs_docker
async def test_the_docker_command_understands_the_version(docker):
    """And talks to it in the version that it tells."""
    done = await docker("version", "--format", "{{.Server.Version}} {{.Server.APIVersion}}")
    assert (done.stdout, done.returncode) == (b"28.0.0-stand-in 1.48\n", 0)


@needs_docker
async def test_the_docker_command_sees_and_removes_a_container(docker, engine, container):
    """By its label, as one would look for what is left."""
    (standing,) = engine.containers.values()
    form = "{{.Names}} {{.Image}}"
    done = await docker("ps", "--all", "--filter", "label=hermes-run.wall", "--format", form)
    assert done.stdout.decode() == f"{standing.name} here\n"
    done = await docker("ps", "--filter", "label=other", "--format", form)
    assert done.stdout == b""
    shown = json.loads((await docker("inspect", standing.name)).stdout)
    assert shown[0]["HostConfig"]["CapDrop"] == ["ALL"]
    done = await docker("rm", standing.name)
    assert b"cannot remove a running container" in done.stderr
    assert (await docker("rm", "--force", "--volumes", standing.name)).returncode == 0
    assert engine.containers == {}


@needs_docker
async def test_the_docker_command_runs_a_command_in_a_container(docker, engine, container):
    """Over the same stream of frames, each of its two outputs apart, with the exit code."""
    (standing,) = engine.containers.values()
    await run(container, "echo from the sandbox > file")
    line = "cat /workspace/file; echo no >&2; exit 3"
    done = await docker("exec", standing.name, "sh", "-c", line)
    assert (done.stdout, done.stderr) == (b"from the sandbox\n", b"no\n")
    assert done.returncode == 3


@needs_docker
async def test_the_docker_command_pulls_an_image_and_says_why_it_can_not(docker, engine):
    """From the same lines that are read here."""
    engine.registry["far:1"] = {}
    done = await docker("pull", "--quiet", "far:1")
    assert (done.returncode, list(engine.images)) == (0, ["here", "far:1"])
    done = await docker("pull", "nowhere:1")
    assert done.returncode == 1
    assert b"pull access denied" in done.stderr


@needs_docker
async def test_the_docker_command_restarts_a_container(docker, engine, container):
    """What ran in it is gone, and it runs."""
    (standing,) = engine.containers.values()
    await run(container, "sleep 600 >/dev/null 2>&1 &", lasting=True)
    assert (await docker("restart", "--time", "0", standing.name)).returncode == 0
    finished = await run(container, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert b"sleep 600" not in finished.output
