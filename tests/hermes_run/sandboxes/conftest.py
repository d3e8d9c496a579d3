"""A workspace and the sandbox without a wall."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hermes_run.sandboxes.beneath import Root
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Sandbox


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Give an empty folder with a secret beside it."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "secret").write_text("the secret")
    return folder


@pytest.fixture
def root(workspace: Path) -> Iterator[Root]:
    """Hold the workspace open."""
    descriptor = os.open(workspace, os.O_RDONLY)
    yield Root(str(workspace), descriptor)
    os.close(descriptor)


@pytest.fixture
async def sandbox(workspace: Path) -> AsyncIterator[Sandbox]:
    """Open the workspace as a sandbox."""
    async with open_plain(workspace) as opened:
        yield opened
