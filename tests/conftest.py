"""What every test may ask for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.endpoint.fixtures", "tests.hanging"]

# The same examples every time, and no example fails for being slow.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutines on asyncio; a test that is about the backend has parameters of its own."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder with golden rows and real trajectories that lies beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder shared/data is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def read_until() -> Callable[[subprocess.Popen[str], str], str]:
    """Read the standard error of a process up to the line that holds a text, and no further.

    Byte by byte from the pipe itself: what a buffer takes in beyond that line is no longer there
    for ``communicate``.
    """

    def read_on(running: subprocess.Popen[str], text: str) -> str:
        assert running.stderr is not None
        lines, line = [], b""
        while byte := os.read(running.stderr.fileno(), 1):
            line += byte
            if byte == b"\n":
                lines.append(line.decode())
                line = b""
                if text in lines[-1]:
                    return "".join(lines)
        raise AssertionError(f"the command ended without {text!r}: {lines} {line!r}")

    return read_on


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `root` for any other user."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs the root user")
