"""Servers that take longer to start than a call may take."""

from __future__ import annotations

import anyio
import pytest

LIMIT_S = 1.0
"""What a call may take: less than any start here, and more than any answer."""

WAIT_S = 240.0


@pytest.fixture
def slow(served, tmp_path):
    """Give the entry of a server that lets each call wait while there is no file ``open``."""
    (tmp_path / "open").touch()
    line = 'while [ ! -e "$0" ]; do sleep 0.05; done; exec "$@"'

    def entry(*arguments: str):
        usual = served(*arguments)
        words = ["-c", line, str(tmp_path / "open"), usual["command"], *usual["args"]]
        return {"command": "sh", "args": words, "timeout": LIMIT_S, "tools": ["die", "pid"]}

    return entry


async def end(servers, ask) -> None:
    """Let the server die; a call that came to its limit before may have been taken back."""
    with anyio.fail_after(WAIT_S):
        while not servers.notices():
            await ask(servers, "die")


async def test_a_server_that_starts_longer_than_a_call_may_take_comes_back(
    opened, slow, ask, tmp_path
):
    """The start goes on when the call that asked for it has ended; later calls wait for it."""
    async with opened({"a": slow()}) as servers:
        await end(servers, ask)
        (tmp_path / "open").unlink()
        late = await ask(servers, "pid")
        assert late.status == "timeout"
        assert "is being started again and was not ready within 1 s" in late.content
        (tmp_path / "open").touch()
        with anyio.fail_after(WAIT_S):
            while (await ask(servers, "pid")).status != "ok":
                pass
        assert servers.notices() == ["the MCP server a was lost once"]


async def test_a_server_that_dies_slowly_is_given_up_too(opened, slow, ask, tmp_path):
    """Its deaths count also where no call has waited long enough to see them."""
    trap = tmp_path / "trap"
    async with opened({"a": slow(str(trap))}) as servers:
        trap.touch()
        await end(servers, ask)
        with anyio.fail_after(WAIT_S):
            while "is not started again" not in (await ask(servers, "pid")).content:
                pass
