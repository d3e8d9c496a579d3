"""A session's machine with no wall around it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import Machine, open_machine
from hermes_run.sandboxes.wall import Allowance, Site


@pytest.fixture
def site(workspace: Path, tmp_path: Path) -> Site:
    """Give a workspace and a scratch folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Site(workspace, scratch)


@pytest.fixture
def launch(site: Site) -> Launch:
    """Start the supervisor as it is."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(site.folder), "LANG": "C.UTF-8"}
    return Launch(
        argv=(),
        environment={},
        descriptors=(),
        root=str(site.folder),
        temporary=str(site.scratch / "tmp"),
        control=str(site.scratch / "control"),
        commands=environment,
    )


@pytest.fixture
async def machine(launch: Launch, site: Site) -> AsyncIterator[Machine]:
    """Open a machine."""
    async with open_machine(launch, site, Allowance()) as opened:
        yield opened
