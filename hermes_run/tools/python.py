"""Python code in an interpreter that a session keeps."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal, cast

import anyio
import msgspec
from msgspec import Meta

from hermes_run.sandboxes.clip import Clip, render
from hermes_run.sandboxes.processes import LINE_BYTES
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.call import GRACE_S, failure
from hermes_run.tools.passing import pass_text
from hermes_run.tools.schema import tool
from hermes_run.tools.shell import private_folder
from hermes_run.tools.tool import Context, Output

ANEW = "[the interpreter was started anew; earlier variables are gone]"
ANEW_FLAG = "interpreter_anew"

START_S = 30.0
SPARE_S = 20.0
"""How much longer than the code its answer may take where the session's own limit leaves so much.

The interpreter ends the code by itself, which keeps variables; on a busy machine that takes long.
"""

INTERRUPT_S = 2.0
"""How long code may take to end once it was interrupted; after twice that it is killed."""

HEAD_BYTES = 1_000
_FRAME_BYTES = 300
_KEY = "python.interpreter"

_PROGRAM = {
    name: shlex.quote(Path(__file__).with_name("interpreter").joinpath(name).read_text("utf-8"))
    for name in ("keeper.py", "running.py", "worker.py")
}

NONE_CODE, GONE_CODE = 64, 65
"""What the scripts exit with where there is no Python, and where the interpreter is not there."""

# An interpreter that does not answer any more, and what it runs, is ended before its folder goes.
_START = (
    """\
command -v python3 >/dev/null 2>&1 || exit {none};
[ ! -f {folder}/groups ] || while read -r p s; do
  case $p in ""|0*|1|*[!0-9]*) continue;; esac;
  y=; {{ read -r y < "/proc/$p/stat"; }} 2>/dev/null;
  set -- ${{y##*) }};
  [ "${{20:--}}" != "$s" ] || kill -KILL -- "-$p" 2>/dev/null;
done < {folder}/groups;
rm -rf -- {folder}; mkdir -p -m 700 -- {folder}/_hermes && cd -P -- {folder}/_hermes || exit;
"""
    + "".join(f"printf %s {text} > {name} || exit;\n" for name, text in _PROGRAM.items())
    .replace("{", "{{")
    .replace("}", "}}")
    + """\
cd -P -- {root} &&
exec python3 -I -c "import sys
sys.path.insert(0, sys.argv[1])
from _hermes.keeper import main
main(sys.path.pop(0))" {folder}"""
)

# Opening the FIFO of the answer waits for nobody, as the keeper has it open; nor does `<>`.
_ASK = """\
cd -P -- {folder} 2>/dev/null && [ -p answer.{number} ] && [ -p ask ] && read -r p < keeper &&
kill -0 "$p" 2>/dev/null || exit {gone};
{{ read -r s < "/proc/$p/stat"; }} 2>/dev/null && case $s in *") Z "*) exit {gone};; esac;
{write} || exit;
exec 3< answer.{number};
echo {number} {seconds} {grace} {limit} 1<> ask;
exec cat <&3"""


BROKEN_CODE = 70
"""What the worker exits with where it fails by itself."""


_Size = Annotated[int, Meta(ge=0, le=2**53)]
"""Of output, in bytes; no sandbox has written more, whatever it says."""


class _Interpreter(msgspec.Struct):
    """A session's interpreter: the number of its next request, 0 where none is running."""

    number: int = 0
    is_anew: bool = False
    lock: anyio.Lock = msgspec.field(default_factory=anyio.Lock)


class _Answer(msgspec.Struct, frozen=True):
    """How code ended: *why* it was stopped, and the *code* of an interpreter that died of it."""

    failed: bool
    why: Literal["time", "flood"] | None
    code: Annotated[int, Meta(ge=-255, le=255)] | None
    head: _Size
    size: _Size


def expect(state: dict[str, object]) -> None:
    """Note that an earlier attempt at the session had an interpreter."""
    state[_KEY] = _Interpreter(is_anew=True)


@tool(effect="workspace")
async def python(
    context: Context,
    code: str,
    timeout: Annotated[int, Meta(ge=1)] | None = None,  # noqa: ASYNC109 - the model's, a bound
) -> Output:
    """Run Python code in an interpreter that persists between calls.

    Variables, imports and definitions stay. What the code prints is returned, and the value of a
    last line that is an expression. It starts in the workspace; there is no input to read. At the
    time limit the code is interrupted as by Ctrl-C, and variables stay unless it does not stop.

    Args:
        code: The code to run, of any number of lines.
        timeout: Seconds after which it is interrupted; the session's own limit if it is lower.
    """
    interpreter = cast("_Interpreter", context.state.setdefault(_KEY, _Interpreter()))
    limit = min(timeout or context.bounds.timeout_s, context.bounds.timeout_s)
    if "\0" in code:
        return failure("The code was not run: source code can't hold a NUL character")
    async with interpreter.lock:
        try:
            return await _run(code, limit, interpreter, context)
        except OSError as error:
            return failure(f"The code was not run: {error.strerror}")


async def _run(code: str, limit: float, interpreter: _Interpreter, context: Context) -> Output:
    finished = await _asked(code, limit, interpreter, context) if interpreter.number else None
    if finished is None:
        refused = await _start(interpreter, context)
        if refused:
            return refused
        finished = await _asked(code, limit, interpreter, context)
    output = _answered(finished, limit, context.bounds.output_bytes)
    was_anew, interpreter.is_anew = interpreter.is_anew, False
    if output is None:
        interpreter.number = 0
        text = (
            "The interpreter was killed and did not say what came of the code; variables are gone"
        )
        return failure(text, "timeout" if finished and finished.timed_out else "error")
    if was_anew:
        flags = (*output.flags, ANEW_FLAG)
        output = msgspec.structs.replace(output, content=f"{ANEW}\n{output.content}", flags=flags)
    return output


async def _start(interpreter: _Interpreter, context: Context) -> Output | None:
    line = _START.format(
        none=NONE_CODE,
        folder=f"{private_folder(context)}/python",
        root=shlex.quote(context.sandbox.root),
    )
    seconds = min(START_S, context.bounds.timeout_s)
    done = await context.sandbox.run(Command(line, seconds, HEAD_BYTES, lasting=True))
    if done.exit_code == NONE_CODE:
        return failure("There is no python3 in this sandbox; use the terminal")
    if done.timed_out:
        return failure(f"The interpreter did not start within {seconds:g} s", "timeout")
    if done.exit_code != 0:
        said = done.output.decode("utf-8", "replace").strip() or done.stopped or "it says nothing"
        return failure(f"The interpreter can't be started: {said}")
    interpreter.number = 1
    return None


async def _asked(
    code: str, limit: float, interpreter: _Interpreter, context: Context
) -> Finished | None:
    """Send code to the interpreter; gives nothing where there is none any more.

    Raises:
        OSError: the code is too long, or no shell can be asked.
    """
    number, was_anew = interpreter.number, interpreter.is_anew
    folder = f"{private_folder(context)}/python"
    write = f"printf %s {shlex.quote(code)} > code.{number}"
    if len(write.encode("utf-8", "replace")) > LINE_BYTES - len(_ASK) - HEAD_BYTES:
        write = ":"
        if not await pass_text(code, f"{folder}/code.{number}", context):
            return None
    interpreter.number, interpreter.is_anew = 0, True  # so it stays if this is cancelled
    room, spare = max(0, context.bounds.output_bytes - _FRAME_BYTES), _spare(limit, context)
    line = _ASK.format(
        folder=folder,
        number=number,
        write=write,
        seconds=limit,
        grace=min(INTERRUPT_S, spare / 4),
        limit=room,
        gone=GONE_CODE,
    )
    command = Command(line, limit + spare, room + HEAD_BYTES, lasting=True)
    try:
        finished = await context.sandbox.run(command)
    except OSError:
        interpreter.number, interpreter.is_anew = number, was_anew
        raise
    if finished.exit_code == GONE_CODE and not finished.size:
        return None
    interpreter.number, interpreter.is_anew = number + 1, was_anew
    return finished


def _spare(limit: float, context: Context) -> float:
    """Give how long after the code's *limit* its answer may come, before the call is given up."""
    most = context.bounds.timeout_s
    return min(SPARE_S, most + 0.8 * min(most, GRACE_S) - limit)


def _answered(finished: Finished | None, limit: float, room: int) -> Output | None:
    """Write what came back, if it is an answer: what comes from a sandbox may be anything."""
    head, _, output = (finished.output if finished else b"").partition(b"\n")
    try:
        answer = msgspec.json.decode(head, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    clip = Clip(room - _FRAME_BYTES, output[: answer.head], output[answer.head :], answer.size)
    text = render(clip).decode("utf-8", "replace")
    note = _note(answer, limit)
    if note:
        text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}[{note}]"
    return Output(
        content=text or "[no output]",
        status="timeout" if answer.why == "time" else "error" if answer.why else "ok",
        bytes=answer.size if answer.size > len(output) else None,
        exit_code=_exit_code(answer),
    )


def _exit_code(answer: _Answer) -> int | None:
    """0, or 1 for an exception; of an interpreter that ended, its own, as a shell reports it."""
    if answer.code is None:
        return None if answer.why and not answer.failed else int(answer.failed)
    return None if answer.why else answer.code if answer.code >= 0 else 128 - answer.code


def _note(answer: _Answer, limit: float) -> str:
    if answer.why:
        what = (
            f"the code ran into its limit of {limit:g} s"
            if answer.why == "time"
            else f"the code wrote {answer.size} bytes"
        )
        end = (
            "was interrupted; variables are kept"
            if answer.code is None
            else "had to be killed: variables are gone"
        )
        return f"{what} and {end}"
    if answer.code is None:
        return ""
    if answer.code == BROKEN_CODE:
        return "the interpreter broke, since code replaced what it needs: variables are gone"
    how = f"exit code {answer.code}" if answer.code >= 0 else f"signal {-answer.code}"
    return f"the code ended the interpreter ({how}): variables are gone"
