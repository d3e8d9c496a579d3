"""The tools that run things, called as a model does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.tools.background import process
from hermes_run.tools.call import execute
from hermes_run.tools.python import python
from hermes_run.tools.terminal import terminal
from hermes_run.tools.todo import todo
from hermes_run.tools.tool import Bounds, Context, Output
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import Json, ToolCall

Use = Callable[..., Awaitable[Output]]
Said = Callable[..., Awaitable[dict[str, Any]]]
TOOLBOX = make_toolbox([terminal, process, python, todo])


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Give an empty folder."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Give the folder that the sandbox keeps its own things in."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
async def sandbox(workspace: Path, scratch: Path) -> AsyncIterator[Sandbox]:
    """Open the workspace as a sandbox."""
    async with open_plain(workspace, scratch=scratch) as opened:
        yield opened


@pytest.fixture
def context(sandbox: Sandbox) -> Context:
    """Give a session's context with little room for output, and time for a busy machine."""
    return Context("session", sandbox, Bounds(timeout_s=200.0, output_bytes=4_000))


@pytest.fixture
def use(context: Context) -> Use:
    """Call a tool."""

    async def call(name: str, /, within: Context = context, **arguments: Json) -> Output:
        return await execute(ToolCall("call_1", name, json.dumps(arguments)), TOOLBOX, within)

    return call


@pytest.fixture
def said(use: Use) -> Said:
    """Call a tool and read the JSON of its result."""

    async def call(name: str, /, **arguments: Any) -> dict[str, Any]:
        return json.loads((await use(name, **arguments)).content)

    return call


@pytest.fixture
def shell(said: Said) -> Callable[[str], Awaitable[str]]:
    """Run a command and give its output."""

    async def run(command: str, **arguments: Any) -> str:
        return (await said("terminal", command=command, **arguments))["output"]

    return run
