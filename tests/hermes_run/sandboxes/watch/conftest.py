"""Sandboxes that remember why they were stopped, and programs that hold something."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hermes_run.sandboxes.wall import Site


class Fake:
    """A sandbox whose processes are those below *leader*; it remembers why it was stopped."""

    def __init__(self, site: Site, leader: int | None = None) -> None:
        self.site = site
        self.leader = leader
        self.reasons: list[str] = []

    def stop(self, reason: str) -> None:
        """Remember *reason*."""
        self.reasons.append(reason)


@pytest.fixture
def sandbox(tmp_path: Path) -> Callable[..., Fake]:
    """Give sandboxes with folders of their own, by their names."""

    def make(name: str = "one", leader: int | None = None) -> Fake:
        site = Site(tmp_path / name / "workspace", tmp_path / name / "scratch")
        site.folder.mkdir(parents=True)
        site.scratch.mkdir()
        return Fake(site, leader)

    return make


@pytest.fixture
def program() -> Iterator[Callable[..., int]]:
    """Start Python programs that say ``ready`` and then wait; give the id of their processes."""
    with contextlib.ExitStack() as stack:

        def start(text: str, *arguments: str) -> int:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", text, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            return process.pid

        yield start


@pytest.fixture
def hog(program) -> int:
    """Start a process whose child has a hundred MiB for itself."""
    child = "x = bytearray(b'x' * (100 << 20)); print('ready', flush=True); input()"
    return program(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
