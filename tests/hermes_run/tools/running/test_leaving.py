"""What tools have started is gone when the sandbox of the session is closed."""

from __future__ import annotations

import json

import psutil
import pytest

from hermes_run.sandboxes.fencing import VARIABLE
from hermes_run.sandboxes.plain import open_plain
from hermes_run.tools.tool import Bounds, Context

STOPPED = "kill -STOP $(cat $TMPDIR/.hermes-*/python/keeper)"


def marked(mark: str) -> list[int]:
    """The processes that have a mark."""
    found = []
    for process in psutil.process_iter(["environ"]):
        environment = process.info["environ"] or {}
        if environment.get(VARIABLE) == mark:
            found.append(process.pid)
    return found


@pytest.mark.parametrize(
    ("line", "background"),
    [
        (STOPPED, False),
        ("setsid sleep 600 >/dev/null 2>&1 &", False),
        ("set -m; sleep 600 & kill -STOP $!", False),
        ("setsid -w sh -c 'kill -STOP $$; sleep 600'", True),
        ("trap '' TERM HUP; (setsid sleep 600 & sleep 600)", True),
    ],
)
async def test_nothing_of_a_session_outlives_its_sandbox(use, workspace, scratch, line, background):
    """Also what was stopped, and what has a group or a session of its own."""
    async with open_plain(workspace, scratch=scratch) as sandbox:
        within = Context("session", sandbox, Bounds(timeout_s=200.0, output_bytes=4_000))
        await use("python", within, code="import subprocess; subprocess.Popen(['sleep', '600'])")
        said = await use("terminal", within, command=f"echo ${VARIABLE}")
        mark = json.loads(said.content)["output"].strip()
        await use("terminal", within, command=line, background=background)
        assert len(marked(mark)) > 4
    assert mark
    assert marked(mark) == []


async def test_other_sessions_keep_what_they_have_started(use, said, workspace, tmp_path):
    """Each has a mark of its own."""
    (tmp_path / "beside").mkdir()
    started = await said("terminal", command="exec sleep 600", background=True)
    async with open_plain(workspace, scratch=tmp_path / "beside") as other:
        await use("terminal", Context("other", other), command="sleep 600 & sleep 600 &")
    polled = await said("process", action="poll", session_id=started["session_id"])
    assert polled["status"] == "running"
