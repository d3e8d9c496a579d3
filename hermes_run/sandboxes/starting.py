"""Start the supervisor of a session behind its wall."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from functools import cache
from importlib import resources

from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.wall import Allowance

NICE = 10
"""How far commands stand back where processors are short."""

_START = 'shell=$(command -v bash) || shell=/bin/sh; exec "$shell" -c "$0" supervisor "$shell" "$@"'
"""Choose the shell, for the supervisor and for commands."""


def start(launch: Launch, allowance: Allowance) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start the supervisor; give also the pipe to it and the one from it."""
    for descriptor in launch.descriptors:
        with contextlib.suppress(OSError):  # a pipe can't, and need not
            os.lseek(descriptor, 0, os.SEEK_SET)
    with contextlib.ExitStack() as undo:
        asked, requests = _pipe(undo)
        reports, told = _pipe(undo)
        process = subprocess.Popen(
            [*_nicely(), *launch.argv, *_command_line(launch, allowance)],
            stdin=asked,
            stdout=told,
            stderr=told,
            env=launch.environment,
            pass_fds=launch.descriptors,
            cwd="/",
            start_new_session=True,
        )
        undo.pop_all()
    os.close(asked)
    os.close(told)
    os.set_blocking(requests, False)
    os.set_blocking(reports, False)
    return process, requests, reports


@cache
def _nicely() -> tuple[str, ...]:
    """Let commands take what the event loop, the journal and the display leave."""
    program = shutil.which("nice")
    return (program, "-n", str(NICE)) if program else ()


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


def _command_line(launch: Launch, allowance: Allowance) -> list[str]:
    text = resources.files("hermes_run.sandboxes").joinpath("supervisor.sh").read_text("utf-8")
    variables = [f"{name}={value}" for name, value in launch.commands.items()]
    bounds = [allowance.memory // 1024, allowance.disk // 1024]
    processes = str(allowance.processes) if launch.counted else ""
    shell = ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", _START, text]
    return [*shell, launch.control, *map(str, bounds), processes]
