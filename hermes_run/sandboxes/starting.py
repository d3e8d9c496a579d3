"""Start the supervisor of a session behind its wall."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from functools import cache
from importlib import resources

from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.spawning import Spawn, spawn
from hermes_run.sandboxes.wall import Allowance

NICE = 10
"""How far commands stand back where processors are short."""

FILES = 4096
"""So many files a process of a command may have open at most."""

_START = 'shell=$(command -v bash) || shell=/bin/sh; exec "$shell" -c "$0" supervisor "$shell" "$@"'
"""Choose the shell, for the supervisor and for commands."""


def start(
    launch: Launch, allowance: Allowance, channel: str
) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start the supervisor, which goes on by the FIFOs called *channel*.

    Gives also the pipe to it and the one from it. The first is for the wall: its end is the
    session's. On the second comes that it has begun, and what goes wrong then, or that nothing did.
    """
    for descriptor in launch.descriptors:
        with contextlib.suppress(OSError):  # a pipe can't, and need not
            os.lseek(descriptor, 0, os.SEEK_SET)
    with contextlib.ExitStack() as undo:
        awaited, held = _pipe(undo)
        words, told = _pipe(undo)
        argv = [*_nicely(), *launch.argv, *_command_line(launch, allowance, channel)]
        process = spawn(Spawn(argv, launch.environment, awaited, told, launch.descriptors))
        undo.pop_all()
    os.close(awaited)
    os.close(told)
    os.set_blocking(words, False)
    return process, held, words


@cache
def _nicely() -> tuple[str, ...]:
    """Let commands take what the event loop, the journal and the display leave."""
    program = shutil.which("nice")
    return (program, "-n", str(NICE)) if program else ()


def _files() -> tuple[int, int]:
    """Give how many files a process of a command may have open, and may allow itself to.

    It is never more than what we may.
    """
    bounds = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (FILES if bound == resource.RLIM_INFINITY else bound for bound in bounds)
    return min(soft, FILES), min(hard, FILES)


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


@cache
def _supervisor() -> str:
    return resources.files("hermes_run.sandboxes").joinpath("supervisor.sh").read_text("utf-8")


def _command_line(launch: Launch, allowance: Allowance, channel: str) -> list[str]:
    variables = [f"{name}={value}" for name, value in launch.commands.items()]
    bounds = [allowance.memory // 1024, allowance.disk // 1024, *_files()]
    processes = str(allowance.processes) if launch.counted else ""
    shell = ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", _START, _supervisor()]
    return [*shell, launch.control, channel, *map(str, bounds), processes]
