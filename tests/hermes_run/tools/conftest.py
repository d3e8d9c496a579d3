"""A session's context, and a short way to call the built-in tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.tools.call import execute
from hermes_run.tools.tool import Bounds, Context, Output
from hermes_run.tools.toolsets import load_toolbox
from recorder.messages import Json, ToolCall

Use = Callable[..., Awaitable[Output]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Give an empty folder with a secret beside it."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "secret").write_text("the secret")
    return folder


@pytest.fixture
async def sandbox(workspace: Path) -> AsyncIterator[Sandbox]:
    """Open the workspace as a sandbox."""
    async with open_plain(workspace) as opened:
        yield opened


@pytest.fixture
def context(sandbox: Sandbox) -> Context:
    """Give a session's context with little room for output."""
    return Context("session", sandbox, Bounds(timeout_s=20.0, output_bytes=4_000))


@pytest.fixture
def use(context: Context) -> Use:
    """Call a built-in tool as a model does."""
    toolbox = load_toolbox(["default"])

    async def call(name: str, /, within: Context = context, **arguments: Json) -> Output:
        return await execute(ToolCall("call_1", name, json.dumps(arguments)), toolbox, within)

    return call


def error_of(output: Output) -> str:
    """Give the text of a failed call."""
    return json.loads(output.content)["error"]


@pytest.fixture
def said() -> Callable[[Output], str]:
    """Read the error of a failed call."""
    return error_of
