"""Real servers: programs of these tests, started as a user's file says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.tools.call import execute
from hermes_run.tools.mcp.client import Patience
from hermes_run.tools.mcp.servers import Servers, open_servers
from hermes_run.tools.tool import Bounds, Context, Output
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import ToolCall

HERE = Path(__file__).parent
BRIEF = Patience(start_s=240, pause_s=0.0, deaths=2)


def program(*arguments: str, script: str = "served.py", **more: Any) -> dict[str, Any]:
    """Write the entry of a server that is one of these programs."""
    return {"command": sys.executable, "args": [str(HERE / script), *arguments], **more}


@pytest.fixture
def context(sandbox: Sandbox) -> Context:
    """Give a session's context in which a server has all the time that a busy machine needs."""
    return Context("session", sandbox, Bounds(timeout_s=200.0, output_bytes=4_000))


@pytest.fixture
def served() -> Callable[..., dict[str, Any]]:
    """Give the entry of the server made with the SDK."""

    def entry(*arguments: str, **more: Any) -> dict[str, Any]:
        return program("stdio", *arguments, **more)

    return entry


@pytest.fixture
def raw() -> Callable[..., dict[str, Any]]:
    """Give the entry of the server that does what no good server does."""

    def entry(how: str = "", **more: Any) -> dict[str, Any]:
        return program(how, script="raw.py", **more)

    return entry


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Servers]]:
    """Open servers, each given as its entry."""

    def start(
        entries: dict[str, Any], taken=(), patience: Patience = BRIEF, folder: Path | None = None
    ) -> AbstractAsyncContextManager[Servers]:
        path = tmp_path / "servers.json"
        path.write_text(json.dumps({"mcpServers": entries}))
        return open_servers(path, taken, folder, patience)

    return start


@pytest.fixture
def ask(context: Context) -> Callable[..., Any]:
    """Call a tool of servers as a model does."""

    async def call(
        servers: Servers, name: str, /, within: Context = context, **given: Any
    ) -> Output:
        box = make_toolbox(tool for each in servers.values() for tool in each.tools)
        with anyio.fail_after(240):
            return await execute(ToolCall("c", name, json.dumps(given)), box, within)

    return call
