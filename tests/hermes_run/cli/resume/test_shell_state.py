"""The shell of a session after a crash: it is where the last recorded call has left it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RUN = Path("runs/mine")
SCRATCH = RUN / "scratch" / "a-0" / "tmp"

BEGIN = "mkdir -p sub/sub; export X=."
MOVE = "cd sub; export X=$X."
# It holds up the turn until the other call has saved its state, the second and last before then.
WAIT = (
    "test -e $TMPDIR/once && exit; "
    "until [ $(ls $TMPDIR/.hermes-*/*sh.* | wc -l) = 2 ]; do sleep 0.02; done; "
    "touch $TMPDIR/once; sleep 600"
)


@pytest.fixture(params=["auto", "none"])
def kill(request, process, prompts, endpoint, wait):
    """Kill a run in the middle of a turn of which one call has saved the state of its shell."""

    def begin() -> None:
        typed = ["--model", "m", "--name", RUN.name, "--no-stream", "--base-url", endpoint.url]
        path = prompts({"id": "a", "prompt": "a"})
        running = process(*typed, "--sandbox", request.param, path)
        wait(running, (SCRATCH / "once").exists)
        running.kill()
        running.communicate()

    return begin


def test_a_call_that_had_saved_its_state_and_was_cut_does_not_begin_from_that(
    kill, resume, endpoint, tool_call
):
    """It is run again, and what it does to the shell is done once; the other is not let wait."""
    endpoint.answers["a"] = [
        [tool_call("terminal", "begin", command=BEGIN)],
        [tool_call("terminal", "move", command=MOVE), tool_call("terminal", "w", command=WAIT)],
        [tool_call("terminal", "look", command='echo "$PWD $X"')],
    ]
    kill()
    done = resume("--tool-timeout", 2)
    assert done.code == 0, done.err
    place, count = json.loads(endpoint.asked[-1]["messages"][-1]["content"])["output"].split()
    assert (place.endswith("/sub"), place.endswith("/sub/sub"), count) == (True, False, "..")
