"""Opens sandboxes for the tests, as root or as the user whose id it is given.

Every line on its standard input is an order: commands, and what the sandbox may take. It says where
the workspace is and who is there, then what came of the commands, one line of JSON each.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import msgspec
import psutil

from hermes_run.sandboxes.bubblewrap import Bubblewrap
from hermes_run.sandboxes.protocol import Command
from hermes_run.sandboxes.wall import Allowance, Site


class Order(msgspec.Struct):
    """What to run, one line after the other, in one sandbox; the last may leave something."""

    lines: list[str]
    files: dict[str, str] = {}
    allowance: dict[str, Any] = {}
    lasting: bool = False
    timeout_s: float = 60.0


def say(**values: Any) -> None:
    """Write one line."""
    sys.stdout.buffer.write(msgspec.json.encode(values) + b"\n")
    sys.stdout.flush()


async def serve(order: Order) -> None:
    """Open a sandbox, run the commands, and close it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        os.chdir(name)  # folders of a run may be relative
        site = Site(Path("workspace"), Path("scratch"), {"MARK": "of the run"})
        for folder in (site.folder, site.scratch):
            folder.mkdir(mode=0o700)
        before = site.scratch / "tmp"
        before.mkdir(mode=0o700)
        (before / "left").write_text("before")
        (before / "left").chmod(0o600)
        for path, text in order.files.items():
            (site.folder / path).write_text(text)
        say(folder=name, descriptors=len(list(Path("/proc/self/fd").iterdir())))
        results, family = [], []
        async with Bubblewrap(Allowance(**order.allowance)).open(site) as sandbox:
            for line in order.lines:
                command = Command(line, order.timeout_s, 100_000, lasting=order.lasting)
                results.append(await sandbox.run(command))
            if order.lasting:
                family = [each.pid for each in psutil.Process().children(recursive=True)]
        os.chdir("/")
        say(results=results, family=family)


def become(user: int) -> None:
    """Become *user* for good; what is needed of folders that are closed to it is loaded first."""
    stdout = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    anyio.run(serve, Order(["true"], lasting=True))
    os.dup2(stdout, 1)
    os.close(stdout)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def main() -> None:
    """Serve until there are no more orders."""
    if sys.argv[1:]:
        become(int(sys.argv[1]))
    say(ready=os.getuid())
    for line in sys.stdin.buffer:
        anyio.run(serve, msgspec.json.decode(line, type=Order))


if __name__ == "__main__":
    main()
