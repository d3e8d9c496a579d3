"""Where no wall holds and no toolset was asked for, only commands are refused."""

from __future__ import annotations

import pytest

from hermes_run.config import Settings
from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.choosing import open_wall
from hermes_run.sandboxes.protocol import Command
from hermes_run.sandboxes.wall import Site
from hermes_run.sandboxes.without import Withheld


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> Settings:
    """Give settings of a run on a machine where no wall holds; its tools are the caller's own."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/missing.sock")
    return Settings(sandbox="auto", out=tmp_path / "runs", toolsets=())


async def test_tools_of_ones_own_need_no_wall(nowhere, tmp_path):
    """They run in this process; files of the workspace can be read and written."""
    site = Site(tmp_path / "workspace", tmp_path / "scratch")
    for folder in (site.folder, site.scratch):
        folder.mkdir()
    async with open_wall(nowhere, "darwin") as wall, wall.open(site) as sandbox:
        assert wall.name == "none"
        await sandbox.write("file", b"content")
        assert await sandbox.read("file", 10) == b"content"
        with pytest.raises(SandboxError, match=r"'echo x' was not run\. This machine \(darwin\)"):
            await sandbox.run(Command("echo x", 60.0, 10))


def test_an_image_is_refused_there_too(tmp_path):
    """A container is what this is not."""
    with pytest.raises(UsageError, match="--sandbox docker"):
        Withheld("no wall").open(Site(tmp_path, tmp_path, image="debian"))


@pytest.mark.parametrize("asked", [{"sandbox": "docker"}, {"toolsets": ("terminal",)}])
async def test_whoever_asks_for_commands_or_for_a_wall_is_refused(nowhere, asked):
    """Nothing of the run begins."""
    settings = Settings(**{"sandbox": "auto", "out": nowhere.out, "toolsets": (), **asked})
    with pytest.raises(UsageError):
        async with open_wall(settings, "darwin"):
            pytest.fail("it must not open")
