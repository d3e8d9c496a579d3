"""Let one shell go on where the one before it ended, though each command has a shell of its own.

A command is wrapped in a line that takes up the saved state, runs the command by ``eval`` and saves
the state when the shell ends, also where the command failed or called ``exit``. A shell that is
killed, or replaced by ``exec``, saves nothing: the last saved state stands. In bash the state is
the working directory, exported variables, functions, aliases and ``shopt`` options, and what
``deactivate`` of a virtual environment needs; options of ``set`` are not kept, since a ``set -e``
left behind would end later commands. In any other shell it is the working directory and exported
variables.

The state is a script in a folder of its own in the sandbox's temporary folder. bash writes it down
at the end of every command without a process for it, and only where it differs from what was there
the file is put in place, by a rename: what another shell reads is never torn, and of two at once
the last one wins.

Its name has the number of the step whose calls run, and a call reads the newest one of an earlier
step. So all calls of a step begin from the same state, and one that is run again after a crash does
not begin from what it had saved itself, though its result was never recorded.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shlex
from collections.abc import Generator
from hashlib import sha256
from typing import cast

import anyio

from hermes_run.sandboxes.processes import LINE_BYTES
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.passing import pass_text
from hermes_run.tools.shell_scripts import (
    DIGITS,
    FILE,
    FORGET,
    FROM_FILE,
    GONE,
    GONE_CODE,
    INLINE,
    TRAPS_PART,
)
from hermes_run.tools.tool import Context

WRAPPED_BYTES = 12_000
"""As much as this of a command line may be what a command is wrapped in."""

_SLOTS, _SEEN, _LEFT, _FILED = "shell.slots", "shell.seen", "shell.left", "shell.filed"

_SCRIPT_S = 20.0


def private_folder(context: Context) -> str:
    """Write where, for a shell, the session's own folder in the temporary folder is."""
    name = f"{context.session}\0{context.sandbox.root}".encode("utf-8", "surrogatepass")
    return f'"${{TMPDIR:-/tmp}}/.hermes-{sha256(name).hexdigest()[:12]}"'


async def run_on(
    line: str, context: Context, workdir: str | None, *, seconds: float, room: int
) -> Finished:
    """Run a command, however long, so that it goes on where the one before it ended.

    What it is wrapped in comes from a file, so that lists of processes show little of it; where the
    file is not there any more, it comes with the command, and the next one has a file again.

    Args:
        line: the command.
        context: the session.
        workdir: a folder for this one alone: the next one is where it would have been without it.
        seconds: how long it may take.
        room: how many bytes of its output are kept.

    Raises:
        OSError: the folder is not there, or the command is nothing that a shell can be given.
    """
    await forget(context)
    with slot(context) as number:
        given = _assignments(number, context, elsewhere=workdir is not None)
        text = _traps_for(line) + await _taken(line, number, context)

        async def run(begin: str) -> Finished:
            whole = f"{given}; {begin}; {text}"
            place = workdir or "."
            return await context.sandbox.run(Command(whole, seconds, room, place, lasting=True))

        if await _is_filed(number, context):
            done = await run(FROM_FILE)
            if (done.exit_code, done.output) != (GONE_CODE, GONE.encode()):
                return done
            context.state.pop(_FILED, None)
        return await run(INLINE)


def going_on(line: str, slot: int, context: Context, *, elsewhere: bool = False) -> str:
    """Wrap a command so that it goes on where the one before it ended.

    Args:
        line: the command.
        slot: a number that no other command has while this one runs, from :func:`slot`.
        context: the session.
        elsewhere: it stays in the folder it is started in, and the next one is where it would
            have been without it.
    """
    given = _assignments(slot, context, elsewhere=elsewhere)
    return f"{given}; {INLINE}; {_traps_for(line)}{evaluated(line)}"


def evaluated(line: str) -> str:
    """Write on one line how a shell runs a command, whose lines it counts from the first."""
    if "\n" not in line:
        return f"eval {shlex.quote(line)}"
    # The lines are counted from the one where the word after `eval` ends.
    flat = line.replace("\\", "\\\\").replace("'", "\\0047").replace("\n", "\\n")
    return (
        f"__hermes_z='{flat}'; case $BASH_VERSION in "
        '"") __hermes_z=$(printf %b "$__hermes_z");; '
        '*) builtin printf -v __hermes_z %b "$__hermes_z";; esac; eval "$__hermes_z"'
    )


async def _taken(line: str, slot: int, context: Context) -> str:
    """Write on one line how a shell runs a command, which is in a file if it is too long.

    Raises:
        OSError: it is too long for anything, or the sandbox takes no text.
    """
    text = evaluated(line)
    if len(text.encode("utf-8", "replace")) <= LINE_BYTES - WRAPPED_BYTES:
        return text
    folder = private_folder(context)
    path = f"{folder}/text.{slot}"
    await context.sandbox.run(Command(f"mkdir -p -m 700 -- {folder}", _SCRIPT_S, 0))
    if not await pass_text(line, path, context):
        raise OSError(errno.EIO, "there is no room for its text in the temporary folder")
    return f'eval "$(PATH=$__hermes_x; command cat {path}; command rm -f {path})"'


async def _is_filed(slot: int, context: Context) -> bool:
    """Put what commands are wrapped in where they take it from, once; tells whether it is there."""
    if _FILED not in context.state:
        folder = private_folder(context)
        new = f"{folder}/begin.{slot}"
        line = (
            f"mkdir -p -m 700 -- {folder} && printf %s {shlex.quote(INLINE)} > {new} && "
            f"mv -f -- {new} {folder}/{FILE}"
        )
        done = await context.sandbox.run(Command(line, _SCRIPT_S, 0))
        context.state[_FILED] = done.exit_code == 0
    return bool(context.state[_FILED])


def _traps_for(line: str) -> str:
    if not re.search(r"\btrap\b", line):
        return ""
    return f"case $BASH_VERSION in ?*) eval {TRAPS_PART};; esac; "


def _assignments(slot: int, context: Context, *, elsewhere: bool) -> str:
    given = {
        "__hermes_d": private_folder(context),
        "__hermes_r": shlex.quote(context.sandbox.root),
        "__hermes_i": str(slot),
        "__hermes_k": "" if context.step is None else f"{context.step:0{DIGITS}}",
        "__hermes_w": "1" if elsewhere else "",
        "__hermes_a": "1" if expected(context) else "",
        "__hermes_p": "",
    }
    return " ".join(f"{name}={value}" for name, value in given.items())


@contextlib.contextmanager
def slot(context: Context) -> Generator[int]:
    """Give a number that no other command of the session has meanwhile."""
    taken = cast("set[int]", context.state.setdefault(_SLOTS, set()))
    number = next(n for n in range(len(taken) + 1) if n not in taken)
    taken.add(number)
    try:
        yield number
    finally:
        taken.remove(number)


async def forget(context: Context) -> None:
    """Take away what calls have saved whose results were not recorded before a crash.

    It is done once, before the first command of a session that goes on.

    Raises:
        OSError: no shell can be asked.
    """
    lock = cast("anyio.Lock | None", context.state.get(_LEFT))
    if lock is None or context.step is None:
        return
    async with lock:
        if _LEFT in context.state:
            line = FORGET.format(folder=private_folder(context), step=context.step)
            await context.sandbox.run(Command(line, _SCRIPT_S, 0))
            context.state.pop(_LEFT)


def go_on(state: dict[str, object]) -> None:
    """Note that there was an earlier attempt at the session."""
    state[_LEFT] = anyio.Lock()


def expected(context: Context) -> bool:
    """Tell, once, whether there should be a state, since an earlier attempt used the shell."""
    return bool(context.state.pop(_SEEN, False))


def expect(state: dict[str, object]) -> None:
    """Note that an earlier attempt at the session used the shell."""
    state[_SEEN] = True
