"""The simulated model behind its server."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_run.models.simulated.server import serve

NAMES = ("terminal", "read_file", "write_file", "patch", "search_files")


@pytest.fixture
def tools() -> list[dict[str, Any]]:
    """Give the five tools as a request offers them."""
    return [{"type": "function", "function": {"name": name, "parameters": {}}} for name in NAMES]


@pytest.fixture
async def url():
    """Serve the simulated model for one test."""
    async with serve() as base:
        yield base
