"""A sandbox behind Landlock, as root with a uid of its own and with that of others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from hermes_run.sandboxes.confined.kernel import landlock_abi
from hermes_run.sandboxes.landlock import SIGNALS, Landlock, landlock_wall
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.wall import Allowance, Site
from tests.hermes_run.sandboxes.landlock.places import made_site


@pytest.fixture
def wall() -> Landlock:
    """Give the wall, where the kernel has all of it."""
    if landlock_abi() < SIGNALS:
        pytest.skip(f"the kernel has no Landlock of version {SIGNALS}")
    return landlock_wall(Allowance())


@pytest.fixture(params=["a uid of its own", "the uid of others"])
def site(request) -> Iterator[Site]:
    """Give a site with a secret beside it; only root can give sessions a uid of their own."""
    own = request.param == "a uid of its own"
    if own and os.geteuid() != 0:
        pytest.skip("needs the root user")
    with made_site(reachable=own) as made:
        yield made


@pytest.fixture
async def sandbox(wall, site) -> AsyncIterator[Sandbox]:
    """Open a sandbox."""
    async with wall.open(site) as opened:
        yield opened


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that has nothing to do with a sandbox."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process
