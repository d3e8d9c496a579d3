"""Runs one hostile session after another, each in a process of its own; started by prison.py.

It reads one JSON object a line: what to run, and where. For each it forks, and the child runs two
sessions at once behind the wall that is asked for: one makes the calls of the attack, the other
keeps a secret in its workspace meanwhile and looks whether that is still whole. What came of both
is written to a file. As another user it gives up all rights first.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import msgspec

from hermes_run import run_many
from hermes_run.models.protocol import Reply, Request
from recorder.messages import ToolCall, text_of
from recorder.session import Session
from recorder.steps import Step

UNSHARE_MOUNTS, PRIVATE, BIND = 0x20000, 0x44000, 0x1000
"""Flags of Linux: a mount namespace of one's own, mounts that nobody else sees, a mount twice."""

MODULES = ("hermes_run.sandboxes.choosing", "hermes_run.tools.toolsets", "encodings.idna")


class Inmates:
    """A model of two sessions: one plays the attack call by call, one keeps its secret."""

    def __init__(self, calls: list[dict[str, Any]], secret: str) -> None:
        self._attack = iter(calls)
        self._secret = secret
        self._kept = anyio.Event()
        self._over = anyio.Event()
        self._asked = 0

    async def reply(self, request: Request) -> Reply:
        """Give the next step of whoever asks."""
        if request.session.startswith("attacker"):
            return await self._next_of_attack()
        self._asked += 1
        if self._asked == 1:
            return call("write_file", path="secret", content=self._secret)
        if self._asked == 2:
            self._kept.set()
            await self._over.wait()
            return call("read_file", path="secret")
        return Reply(text="done", finish_reason="stop")

    async def _next_of_attack(self) -> Reply:
        await self._kept.wait()
        step = next(self._attack, None)
        if step is None:
            self._over.set()
            return Reply(text="done", finish_reason="stop")
        return call(step["name"], **step["arguments"])


def call(name: str, /, **arguments: Any) -> Reply:
    """Make a reply that asks for one tool."""
    made = ToolCall(f"call_{os.urandom(4).hex()}", name, json.dumps(arguments))
    return Reply(calls=(made,), finish_reason="tool_calls")


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run both sessions and give what came of them."""
    rows = [
        {"id": "attacker", "prompt": "escape", "workspace": order["files"]},
        {"id": "neighbour", "prompt": "keep your secret"},
    ]
    model = Inmates(order["calls"], order["secret"])
    ended: dict[str, Any] = {}
    running = run_many(rows, model=model, record=order["record"], **order["settings"])
    async with aclosing(running) as sessions:
        async for session in sessions:
            ended[session.id.partition("-")[0]] = told(session)
    return ended


def told(session: Session) -> dict[str, Any]:
    """What a session came to, as JSON."""
    results = [
        {"output": text_of(result.output), "flags": list(result.flags)}
        | {name: getattr(result, name) for name in ("status", "exit_code", "bytes")}
        for step in session.turns
        if isinstance(step, Step)
        for result in step.results
    ]
    end = session.ended
    return {"outcome": end and end.outcome, "error": end and end.error, "results": results}


def serve() -> None:
    """Run what is ordered, line by line; every order in a child that has so many seconds."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            obey(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": status}) + "\n")
        sys.stdout.flush()


def obey(order: dict[str, Any]) -> None:
    """Do one order and leave; what broke is told on standard error."""
    code = 1
    try:
        os.setsid()
        signal.alarm(order["seconds"])
        os.environ.update(order["environment"])
        os.chdir(Path(order["record"]).parent)
        Path(order["result"]).write_bytes(msgspec.json.encode(anyio.run(run, order)))
        code = 0
    except BaseException:  # noqa: BLE001 - the parent must go on
        traceback.print_exc()
    finally:
        os._exit(code)


def become(user: int, needed: list[Path]) -> None:
    """Give up all rights for good; what is *needed* is still there afterwards, at the same path."""
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def mount(source: Path | str, target: Path, kind: bytes | None, flags: int) -> None:
        names = str(source).encode(), str(target).encode()
        checked(libc.mount(*names, kind, flags, b"mode=755" if kind else None))

    checked(libc.unshare(UNSHARE_MOUNTS))
    mount("none", Path("/"), None, PRIVATE)
    for closed in sorted({top for path in needed if (top := closed_above(path))}):
        inside = sorted({path for path in needed if path.is_relative_to(closed)})
        kept = [(path, os.open(path, os.O_PATH)) for path in inside]
        mount("tmpfs", closed, b"tmpfs", 0)
        for path, descriptor in kept:
            path.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", path, None, BIND)
            os.close(descriptor)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # Else /proc/self belongs to root, and no namespace can be set up.
    checked(libc.prctl(4, 1, 0, 0, 0))


def closed_above(path: Path) -> Path | None:
    """Give the outermost folder above *path* that others may not pass through."""
    above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
    return above[0] if above else None


if __name__ == "__main__":
    for name in MODULES:
        __import__(name)
    if sys.argv[1:]:
        repository = Path(__file__).resolve().parents[2]
        prefixes = (sys.base_prefix, sys.prefix, sys.exec_prefix)
        become(int(sys.argv[1]), [repository, *(Path(each).resolve() for each in prefixes)])
    serve()
