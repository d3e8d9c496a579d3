"""Workers that kill themselves, that can not start, and what they hold while they live."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_run.models.simulated.steps import Call, Turn
from hermes_run.recovery import POISON

RUN = Path("runs/mine")


def deaths() -> int:
    """Count the workers that died, as the log of the run has it."""
    return (RUN / "run.log").read_text().count("a worker died: it was killed by SIGKILL")


TOOLS = '''
import os, signal, subprocess, sys
import anyio
from hermes_run import Context, tool

is_worker = sys.modules["__main__"].__spec__.name.startswith("hermes_run.workers")

@tool(effect="workspace")
async def touch(context: Context) -> str:
    """Kill whoever runs this, in one session; the others wait for a file."""
    if context.session == "poison-0":
        os.kill(os.getpid(), signal.SIGKILL)
    while not os.path.exists("go"):
        await anyio.sleep(0.02)
    return "touched"

@tool(effect="workspace")
async def leave(context: Context) -> str:
    """End whoever runs this, in one session, as libraries do that can't go on."""
    if context.session == "poison-0":
        os._exit(3)
    return "left"

@tool(effect="read")
async def held() -> str:
    """Say what a process has open that is started here, as carelessly as can be."""
    ls = ["ls", "-l", "/proc/self/fd"]
    return subprocess.run(ls, close_fds=False, capture_output=True, text=True).stdout
'''


@pytest.fixture
def own(tmp_path) -> Callable[..., list[object]]:
    """Write rows and tools of one's own; gives what is typed to run them."""

    def write(endpoint: Any, names: list[str], tool: str, code: str = TOOLS) -> list[object]:
        rows = (json.dumps({"id": name, "prompt": f"I am {name}"}) for name in names)
        (tmp_path / "rows.jsonl").write_text("".join(f"{row}\n" for row in rows))
        (tmp_path / "mine.py").write_text(code)
        typed = ["--model", "m", "--base-url", endpoint.url, "--name", "mine", "--progress"]
        typed += ["plain", "--tools", f"mine:{tool}", "--workers", 2, "--concurrency", 6]
        return [*typed, tmp_path / "rows.jsonl"]

    return write


@pytest.mark.slow
def test_a_session_that_kills_its_worker_ends_and_takes_nobody_with_it(
    endpoint, process, own, look_at, until, sound
):
    """It goes on alone where it may be the one; others wait, and are not taken for it."""
    names = ["poison", *(f"good-{number}" for number in range(5))]
    endpoint.first = Turn("", calls=(Call("touch", "{}"),))
    running = process(*own(endpoint, names, "touch"))
    until(lambda: (RUN / "run.log").exists() and deaths() == 2, running)
    Path("go").touch()
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (3, "runs/mine\n"), err
    past, rows = look_at("runs/mine")
    ends = {name: events[-1] for name, events in past.sessions.items()}
    assert {name: end.outcome for name, end in ends.items()} == {
        "poison-0": "tool_error",
        **{f"{name}-0": "completed" for name in names[1:]},
    }
    assert (ends["poison-0"].reason, deaths()) == (POISON, 4)
    assert set(rows) == set(past.sessions)
    sound()


@pytest.mark.slow
def test_a_worker_that_leaves_as_soon_as_it_works_is_replaced(
    endpoint, process, own, look_at, sound
):
    """It had begun: that is no reason to take it for one that can not start."""
    names = ["poison", "good"]
    endpoint.first = Turn("", calls=(Call("leave", "{}"),))
    running = process(*own(endpoint, names, "leave"))
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (3, "runs/mine\n"), err
    past, _ = look_at("runs/mine")
    ends = {name: events[-1].outcome for name, events in past.sessions.items()}
    assert ends == {"poison-0": "tool_error", "good-0": "completed"}
    assert "it ended with exit code 3" in (RUN / "run.log").read_text()
    sound()


def test_what_a_worker_holds_no_tool_gets(endpoint, process, own, look_at, sound):
    """Neither its way to the head nor the lock: who had them would pass for a worker."""
    calls = (Call("held", "{}"), Call("terminal", '{"command": "ls -l /proc/self/fd"}'))
    endpoint.first = Turn("", calls=calls)
    running = process(*own(endpoint, ["a"], "held"))
    err = running.communicate(timeout=120)[1]
    assert running.returncode == 0, err
    (row,) = look_at("runs/mine")[1].values()
    said = "".join(turn["value"] for turn in row["conversations"] if turn["from"] == "tool")
    assert said.count("/dev/null") >= 1
    assert "socket:" not in said
    assert "runs/mine/lock" not in said
    sound()


BROKEN = [
    ("os.write(2, b'no such thing'), os._exit(3)", "exit code 3: no such thing"),
    (
        "os.kill(os.getpid(), signal.SIGKILL)",
        "3 workers died before they recorded anything: it was killed by SIGKILL",
    ),
    ("raise ValueError('there is nothing')", "there is nothing"),
]


@pytest.mark.parametrize(("code", "said"), BROKEN)
def test_workers_that_can_not_start_end_the_run(endpoint, process, own, code, said):
    """It says why; nobody was asked, and nothing goes on for ever."""
    broken = TOOLS.replace("\n@tool", f"\nif is_worker:\n    {code}\n\n@tool", 1)
    running = process(*own(endpoint, ["a", "b"], "touch", broken))
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (1, ""), err
    assert said in err
    assert "go on with `hermes-run resume runs/mine`" in err
    assert endpoint.total == 0
