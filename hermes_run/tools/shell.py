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
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.passing import pass_text
from hermes_run.tools.shell_scripts import BASH_PART, DIGITS, FORGET, OTHER_PART, TRAPS_PART
from hermes_run.tools.tool import Context

_SLOTS, _SEEN, _LEFT = "shell.slots", "shell.seen", "shell.left"

_FORGET_S = 20.0


def private_folder(context: Context) -> str:
    """Write where, for a shell, the session's own folder in the temporary folder is."""
    name = f"{context.session}\0{context.sandbox.root}".encode("utf-8", "surrogatepass")
    return f'"${{TMPDIR:-/tmp}}/.hermes-{sha256(name).hexdigest()[:12]}"'


def going_on(line: str, slot: int, context: Context, *, elsewhere: bool = False) -> str:
    """Wrap a command so that it goes on where the one before it ended.

    Args:
        line: the command.
        slot: a number that no other command has while this one runs, from :func:`slot`.
        context: the session.
        elsewhere: it stays in the folder it is started in, and the next one is where it would
            have been without it.
    """
    return _wrapped(evaluated(line), _traps_for(line), slot, context, elsewhere=elsewhere)


async def passed_on(line: str, slot: int, context: Context, *, elsewhere: bool = False) -> str:
    """Do what :func:`going_on` does, with a command that is too long for a command line, too.

    Raises:
        OSError: it is too long for anything, or the sandbox takes no text.
    """
    short = going_on(line, slot, context, elsewhere=elsewhere)
    if len(short.encode("utf-8", "replace")) <= LINE_BYTES:
        return short
    folder = private_folder(context)
    path = f"{folder}/text.{slot}"
    made = f"mkdir -p -m 700 -- {folder}"
    await context.sandbox.run(Command(made, _FORGET_S, 0))
    if not await pass_text(line, path, context):
        raise OSError(errno.EIO, "there is no room for its text in the temporary folder")
    taken = f"PATH=$__hermes_x; command cat {path}; command rm -f {path}"
    return _wrapped(f'eval "$({taken})"', _traps_for(line), slot, context, elsewhere=elsewhere)


def evaluated(line: str) -> str:
    """Write on one line how a shell runs a command, whose lines it counts from the first."""
    if "\n" not in line:
        return f"eval {shlex.quote(line)}"
    # The lines are counted from the one where the word after `eval` ends.
    flat = line.replace("\\", "\\\\").replace("'", "\\0047").replace("\n", "\\n")
    return (
        f"__hermes_z='{flat}'; "
        'if [ "$BASH_VERSION" ]; then builtin printf -v __hermes_z %b "$__hermes_z"; '
        'else __hermes_z=$(printf %b "$__hermes_z"); fi; eval "$__hermes_z"'
    )


def _traps_for(line: str) -> str:
    return f"eval {TRAPS_PART}; " if re.search(r"\btrap\b", line) else ""


def _wrapped(text: str, traps: str, slot: int, context: Context, *, elsewhere: bool) -> str:
    given = {
        "__hermes_d": private_folder(context),
        "__hermes_r": shlex.quote(context.sandbox.root),
        "__hermes_i": str(slot),
        "__hermes_k": "" if context.step is None else f"{context.step:0{DIGITS}}",
        "__hermes_w": "1" if elsewhere else "",
        "__hermes_a": "1" if expected(context) else "",
    }
    assignments = " ".join(f"{name}={value}" for name, value in given.items())
    bash, other = f"eval {BASH_PART}; {traps}", f"eval {OTHER_PART}; "
    return f'{assignments}; if [ "$BASH_VERSION" ]; then {bash}else {other}fi; {text}'


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
            await context.sandbox.run(Command(line, _FORGET_S, 0))
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
