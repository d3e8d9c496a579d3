"""Who runs attacks: a process for every user, and what it is told and tells."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from tests.redteam.becoming import BLANK
from tests.redteam.gauge import Peaks

RUNNER = Path(__file__).with_name("runner.py")
ROOT = Path(__file__).resolve().parents[2]


class Call(msgspec.Struct, frozen=True):
    """A tool call of an attack; ``{name}`` in its texts is replaced by what :meth:`names` gives."""

    name: str
    arguments: dict[str, Any]


def sh(command: str, **more: object) -> Call:
    """Run a command in the terminal."""
    return Call("terminal", {"command": command, **more})


class Outcome(msgspec.Struct, frozen=True):
    """What came of the attacking session: its end, and its results in order.

    ``worst_s`` is how long a small command of the other session took at worst, ``lag_s`` how long
    the event loop stood still, both in seconds.
    """

    outcome: str | None
    error: str | None
    results: list[dict[str, Any]]
    rewards: dict[str, float | None] = {}
    worst_s: float = 0.0
    lag_s: float = 0.0
    peaks: Peaks | None = None

    @property
    def output(self) -> str:
        """All that the tools gave, one after the other."""
        return "\n".join(result["output"] for result in self.results)

    @property
    def statuses(self) -> list[str]:
        """How the calls ended."""
        return [result["status"] for result in self.results]


class Guards:
    """A process that runs attacks as one user; made by :func:`open_guards`."""

    def __init__(self, user: int | None, process: subprocess.Popen[str]) -> None:
        self.user = user
        self.process = process

    def run(self, order: dict[str, Any]) -> int:
        """Run one order; gives the exit status of its process, or the signal as less than 0."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["status"]


@contextlib.contextmanager
def open_guards(user: int | None) -> Generator[Guards]:
    """Start the process that attacks are run by, as *user* if one is given."""
    argv = [sys.executable, str(RUNNER), BLANK, *([str(user)] if user is not None else [])]
    blanks = {"HERMES_CANARY": BLANK, "OPENAI_API_KEY": f"sk-{BLANK}"}
    environment = {**os.environ, **blanks, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
    ) as process:
        try:
            yield Guards(user, process)
        finally:
            process.kill()
