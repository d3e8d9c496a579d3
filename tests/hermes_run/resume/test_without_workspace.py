"""Where nothing in a session could ask for a sandbox, none is opened, and no folder is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_run.errors import SandboxError
from hermes_run.models.protocol import Reply
from hermes_run.sandboxes.mirror import Mirror
from hermes_run.sandboxes.nowhere import Nowhere
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Tool
from recorder.messages import ToolCall
from recorder.steps import Step

ROW: dict[str, Any] = {"id": "a", "prompt": "a"}
LOOK = Reply(calls=(ToolCall("call_0", "look", "{}"),), finish_reason="tool_calls")


def looking(run: Path, seen: list[bool]) -> Tool:
    """Make a tool that notes whether sessions have folders, and acts on the world."""

    @tool(effect="external", name="look")
    async def look() -> str:
        """Look."""
        seen.append((run / "workspaces" / "a-0").exists())
        return "seen"

    return look


async def test_tools_that_take_no_context_need_no_folder(begin, tmp_path: Path, rows_of):
    """They can't see one; the session completes as any other."""
    seen: list[bool] = []
    await begin([ROW], [LOOK, "done"], [looking(tmp_path / "run", seen)])
    assert seen == [False]
    assert rows_of()["a-0"]["completed"]


@pytest.mark.parametrize(
    "row", [{"workspace": {}}, {"workspace": {"log": ""}}, {"setup": "true"}, {"verify": "true"}]
)
async def test_a_row_that_speaks_of_a_workspace_gets_one(begin, tmp_path: Path, row):
    """Whatever its tools are."""
    seen: list[bool] = []
    await begin([{**ROW, **row}], [LOOK, "done"], [looking(tmp_path / "run", seen)])
    assert seen == [True]


async def test_folders_that_are_to_be_kept_are_made(begin, tmp_path: Path):
    """Whoever asks for them finds one a session."""
    await begin([ROW], ["done"], keep_workspaces=True)
    assert (tmp_path / "run" / "workspaces" / "a-0").is_dir()


async def test_one_tool_that_may_ask_for_the_sandbox_is_enough(begin, tmp_path: Path):
    """It is there from the first call on, whoever is called."""

    @tool(effect="read")
    async def ask(context: Context) -> str:
        """Ask."""
        return context.session

    seen: list[bool] = []
    await begin([ROW], [LOOK, "done"], [ask, looking(tmp_path / "run", seen)])
    assert seen == [True]


async def test_a_session_without_a_folder_goes_on_without(crash, resume, sessions, tmp_path: Path):
    """That there is none is no loss, though its calls had effects outside."""
    seen: list[bool] = []
    tools = [looking(tmp_path / "whole", seen)]
    await crash([ROW], [LOOK], tools)
    await resume([ROW], [LOOK, "done"], tools)
    session = sessions()["a-0"]
    assert session.ended
    assert session.ended.outcome == "completed"
    assert seen == [False, False]
    assert sum(isinstance(turn, Step) for turn in session.turns) == 3


async def test_a_folder_of_an_earlier_attempt_goes_with_the_session(crash, resume, tmp_path: Path):
    """It was to be kept then, and is not any more."""
    await crash([ROW], [LOOK], [looking(tmp_path / "whole", [])], keep_workspaces=True)
    assert (tmp_path / "run" / "workspaces" / "a-0").is_dir()
    await resume([ROW], ["done"], [looking(tmp_path / "run", [])])
    assert not (tmp_path / "run" / "workspaces").exists()


async def test_whoever_gets_at_it_all_the_same_is_told_why(tmp_path: Path):
    """A tool that was made by hand may say that it has no use for a sandbox, and use it."""
    nowhere = Nowhere()
    with pytest.raises(SandboxError, match=r"'ls': the session has no sandbox, because none of"):
        await nowhere.run(Command("ls", 1.0, 1))
    with pytest.raises(SandboxError, match=r"'a.txt': the session has no sandbox"):
        await nowhere.read("a.txt", 1)
    with pytest.raises(SandboxError, match=r"'a.txt': the session has no sandbox"):
        await nowhere.write("a.txt", b"")
    assert not await nowhere.snapshot(Mirror(tmp_path / "m", tmp_path / "w"), 0)
    await nowhere.close()
