"""Sandboxes of root and of an ordinary user."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_run.sandboxes.bubblewrap import find
from hermes_run.sandboxes.protocol import Finished

HOST = Path(__file__).with_name("host.py")
NOBODY = 65534
SECONDS = 240
SECRET = "sk-the-secret-of-the-run"

if sys.platform != "linux":
    pytest.skip("namespaces are Linux", allow_module_level=True)


class Host:
    """A process that opens sandboxes as one user."""

    def __init__(self, process: subprocess.Popen[bytes], uid: int) -> None:
        self.process = process
        self.uid = uid

    def order(self, *lines: str, **settings: Any) -> dict[str, Any]:
        """Order commands; give the folder that they are run in, and what is open before."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"lines": lines, **settings}).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for the next line."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the host has ended"
        return json.loads(line)

    def wait_for(self, path: Path) -> None:
        """Return when a command has made a file."""
        latest = time.monotonic() + SECONDS
        while not path.exists():
            assert time.monotonic() < latest, f"{path} was not made"
            time.sleep(0.01)

    def all(self, *lines: str, **settings: Any) -> list[Finished]:
        """Run commands in one sandbox, and give what came of them."""
        self.order(*lines, **settings)
        return [msgspec.convert(each, Finished) for each in self.answer()["results"]]

    def output(self, line: str, **settings: Any) -> str:
        """Run one command, and give what it wrote."""
        return self.all(line, **settings)[0].output.decode()

    def python(self, program: str, **settings: Any) -> Any:
        """Run a program that prints JSON, and give what it printed."""
        files = {"program.py": program}
        return json.loads(self.output("python3 program.py", files=files, **settings))


@contextlib.contextmanager
def opened_host(user: int | None) -> Iterator[Host]:
    """Start a host, as *user* if one is given."""
    root = HOST.parents[4]
    environment = {**os.environ, "PYTHONPATH": str(root), "OPENAI_API_KEY": SECRET}
    argv = [sys.executable, str(HOST), *([] if user is None else [str(user)])]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=root
    ) as process:
        try:
            host = Host(process, os.getuid() if user is None else user)
            assert host.answer() == {"ready": host.uid}
            yield host
            assert process.stdin
            process.stdin.close()
            process.wait(SECONDS)
        finally:
            process.kill()


def may_make_namespaces(user: int | None) -> bool:
    """Tell whether bubblewrap, without anything of ours, works at all."""
    argv = [find(), "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"]
    groups: list[int] | None = None if user is None else []
    done = subprocess.run(
        argv, user=user, group=user, extra_groups=groups, check=False, capture_output=True
    )
    return done.returncode == 0


Opening = Callable[[], contextlib.AbstractContextManager[Host]]


@pytest.fixture(scope="session", params=["as_root", "as_an_ordinary_user"])
def opening(request: pytest.FixtureRequest) -> Opening:
    """Give what opens a host."""
    is_root = os.geteuid() == 0
    if request.param == "as_root" and not is_root:
        pytest.skip("needs the root user")
    user = NOBODY if is_root and request.param != "as_root" else None
    if not may_make_namespaces(user):
        pytest.skip("this machine forbids namespaces to this user")
    return lambda: opened_host(user)


@pytest.fixture(scope="session")
def host(opening: Opening) -> Iterator[Host]:
    """Give a host that opens one sandbox after the other."""
    with opening() as opened:
        yield opened
