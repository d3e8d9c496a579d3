"""Servers that take longer to start than a call may take."""

from __future__ import annotations

import anyio
import pytest


@pytest.fixture
def slow(served, tmp_path):
    """Give the entry of a server that lets each call wait while there is no file ``open``."""
    (tmp_path / "open").touch()
    line = 'while [ ! -e "$0" ]; do sleep 0.05; done; exec "$@"'

    def entry(*arguments: str, timeout: float):
        usual = served(*arguments, timeout=timeout)
        words = ["-c", line, str(tmp_path / "open"), usual["command"], *usual["args"]]
        return {"command": "sh", "args": words, "timeout": timeout, "tools": ["die", "pid"]}

    return entry


async def test_a_server_that_starts_longer_than_a_call_may_take_comes_back(
    opened, slow, ask, tmp_path
):
    """The start goes on when the call that asked for it has ended; later calls wait for it."""
    async with opened({"a": slow(timeout=0.2)}) as servers:
        await ask(servers, "die")
        (tmp_path / "open").unlink()
        late = await ask(servers, "pid")
        assert late.status == "timeout"
        assert "is being started again and was not ready within 0.2 s" in late.content
        (tmp_path / "open").touch()
        with anyio.fail_after(30):
            while (await ask(servers, "pid")).status != "ok":
                pass
        assert servers.notices() == ["the MCP server a was lost once"]


async def test_a_server_that_dies_slowly_is_given_up_too(opened, slow, ask, tmp_path):
    """Its deaths count also where no call has waited long enough to see them."""
    trap = tmp_path / "trap"
    async with opened({"a": slow(str(trap), timeout=0.2)}) as servers:
        trap.touch()
        await ask(servers, "die")
        with anyio.fail_after(30):
            while "is not started again" not in (await ask(servers, "pid")).content:
                pass
