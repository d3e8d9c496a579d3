"""Runs one hostile session after another, each in a process of its own; started by prison.py.

It reads one JSON object a line: what to run, and where. For each it forks, and the child runs two
sessions at once behind the wall that is asked for: one makes the calls of the attack, the other
keeps a secret in its workspace meanwhile and looks whether that is still whole. What came of both
is written to a file. As another user it gives up all rights first.

The child has a secret everywhere that a runner may have one: in its environment and its command
line (as the system shows them, too), in an open file, in its memory, and in its home.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import anyio
import msgspec

from hermes_run.errors import ungrouped
from tests.redteam.becoming import become, brand
from tests.redteam.inmates import run

MODULES = ("hermes_run.sandboxes.choosing", "hermes_run.tools.toolsets", "encodings.idna")


def serve() -> None:
    """Run what is ordered, line by line; every order in a child that has so many seconds."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            obey(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def obey(order: dict[str, Any]) -> None:
    """Do one order and leave; what broke is told in its result."""
    code = 1
    try:
        os.setsid()
        signal.alarm(order["seconds"])
        brand(order["canary"])
        os.environ.update(order["environment"])
        os.chdir(Path(order["record"]).parent)
        with ungrouped():
            told = anyio.run(run, named(order))
        code = 0
    except BaseException as error:  # noqa: BLE001 - the parent must go on
        told = {"raised": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    try:
        Path(order["result"]).write_bytes(msgspec.json.encode(told))
    finally:
        os._exit(code)


def named(order: dict[str, Any]) -> dict[str, Any]:
    """Fill in what only this process knows: its number."""
    return json.loads(json.dumps(order).replace("{runner}", str(os.getpid())))


if __name__ == "__main__":
    for name in MODULES:
        __import__(name)
    if sys.argv[2:]:
        repository = Path(__file__).resolve().parents[2]
        prefixes = (sys.base_prefix, sys.prefix, sys.exec_prefix)
        become(int(sys.argv[2]), [repository, *(Path(each).resolve() for each in prefixes)])
    serve()
