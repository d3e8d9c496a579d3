"""The shell of a session, as calls of its tools use it."""

from __future__ import annotations

import json
from typing import Any

import anyio

from hermes_run.tools.shell import slot
from hermes_run.tools.tool import Context


async def test_a_workdir_is_for_one_command_only(shell, workspace):
    """Variables set there stay, and the folder is left again."""
    for name in ("a", "b"):
        (workspace / name).mkdir()
    assert await shell("export X=1; pwd", workdir="a") == f"{workspace}/a\n"
    assert await shell("pwd; echo $X") == f"{workspace}\n1\n"
    await shell("cd b")
    assert await shell("cd ..; export Y=2; pwd", workdir="a") == f"{workspace}\n"
    assert await shell("pwd; echo $Y") == f"{workspace}/b\n2\n"


async def test_two_commands_at_once_leave_one_whole_state(shell):
    """The last one wins."""
    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(shell, f"export A={number} B={number}")
    a, b = (await shell("echo $A $B")).split()
    assert a == b


def test_commands_at_once_have_numbers_of_their_own():
    """Each writes its own file before the rename."""
    fake: Any = None
    context = Context("session", fake)
    with slot(context) as first, slot(context) as second:
        assert (first, second) == (0, 1)
    with slot(context) as again:
        assert again == 0


async def test_a_command_that_was_killed_changes_nothing(use, shell):
    """The state is the one before."""
    await shell("export X=1")
    output = await use("terminal", command="export X=2; sleep 600", timeout=1)
    assert json.loads(output.content)["error"].endswith("was killed")
    assert await shell("echo $X") == "1\n"


async def test_a_planted_state_does_not_hold_up_a_command(shell, scratch):
    """A FIFO would never end."""
    await shell("export X=1")
    await shell("f=$(echo $TMPDIR/.hermes-*/bash.*); rm $f; mkfifo $f ${f%1}2")
    assert await shell("echo on") == "on\n"
