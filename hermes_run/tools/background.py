"""Commands in the background: started, looked at and ended by calls that each take no time.

A command in the background is a pipeline that one lasting command of the sandbox leaves behind: the
command itself, under a shell that writes down its exit code, and a writer that keeps the last of
its output in two files of bounded size, each named by the place of its first byte. All of it is one
process group, and its first process is known by its number and the time it was started at, so that
nobody else is ever signalled. What was in the background when a run was cut ended with it.
"""

from __future__ import annotations

import codecs
import json
import time
from typing import Annotated, Literal, cast

import anyio
import msgspec
from msgspec import Meta

from hermes_run.sandboxes.clip import cut
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.background_scripts import BEGIN, KILL, LOG, LOOK, POLL, WAIT
from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.shell import evaluated, private_folder, run_on
from hermes_run.tools.tool import Context, Output

RUNNING = 16
"""How many may run at once in a session."""

SCRIPT_S = 20.0
SPARE_S = 1.0
"""A wait ends this long before the limit of its call."""

MOST_CODE, MOST_BYTES = 255, 2**53
STATES = ("running", "exited", "lost")

HEAD_BYTES, SAID_BYTES = 200, 2_000
_FRAME_BYTES = 400
_KEY, _LOCK = "background.started", "background.lock"

Action = Literal["list", "poll", "log", "wait", "kill"]


class _Process(msgspec.Struct):
    """A command that was started; *seen* is how many bytes of its output polls have given."""

    command: str
    since: float
    seen: int = 0


class _Look(msgspec.Struct, frozen=True):
    """What a script found: the state, where the output that is kept begins, and where it ends.

    ``size`` is how many bytes ``output`` would have if it had not been cut.
    """

    status: str
    exit_code: int | None
    oldest: int
    total: int
    lines: int
    output: bytes
    size: int = 0


async def start(line: str, seconds: int | None, workdir: str | None, context: Context) -> Output:
    """Start a command in the background, where the terminal of the session left off.

    It runs without a limit of time: where there should be one of so many *seconds*, that is said.

    Raises:
        OSError: the folder is not there, or no shell takes the line.
    """
    script = BEGIN.format(text=evaluated(line), most=RUNNING)
    most_s = min(SCRIPT_S, context.bounds.timeout_s)
    async with _lock(context):  # two that are started at once would not count each other
        done = await run_on(script, context, workdir, seconds=most_s, room=SAID_BYTES)
    said = done.output.decode("utf-8", "replace").strip()
    name = said.rpartition("\n")[2].removeprefix("started ")
    if name == "full":
        return failure(
            f"{RUNNING} commands run in the background already; end one with "
            "process(action='kill', session_id=...)"
        )
    if done.exit_code != 0 or not (name.startswith("p") and name[1:].isdecimal()):
        return failure(f"The command could not be started in the background: {said}")
    _started(context)[name] = _Process(command=line, since=time.monotonic())
    told = f"Started in the background; see process(action='poll', session_id='{name}')"
    if seconds is not None:
        told += f". The timeout of {seconds} s does not hold in the background: end it with kill"
    return _output({"output": told, "session_id": name, "exit_code": None, "error": None})


@tool(effect="workspace")
async def process(
    context: Context,
    action: Action,
    session_id: str | None = None,
    timeout: Annotated[int, Meta(ge=1)] | None = None,  # noqa: ASYNC109 - the model's, a bound
    offset: Annotated[int, Meta(ge=0)] | None = None,
    limit: Annotated[int, Meta(ge=1, le=5000)] = 200,
) -> Output:
    """Look after commands started with terminal(background=true).

    'list' shows all of them, 'poll' the status and the new output since the last poll, 'log' the
    output with offset and limit, 'wait' blocks until the command has ended or the timeout, 'kill'
    ends it and all it has started. Only the last megabytes of long output are kept.

    Args:
        action: One of 'list', 'poll', 'log', 'wait' and 'kill'.
        session_id: Which command, as terminal(background=true) returned it; all but 'list' need it.
        timeout: For 'wait': seconds to wait at most.
        offset: For 'log': how many lines to skip. Without it the last lines are shown.
        limit: For 'log': how many lines to show at most.
    """
    started = _started(context)
    if action == "list":
        return await _list(context)
    if session_id not in started:
        return failure(_unknown(session_id, started))
    known = started[session_id]
    match action:
        case "poll":
            return await _poll(session_id, known, context)
        case "log":
            return await _log(session_id, offset, limit, context)
        case "wait":
            most = context.bounds.timeout_s - SPARE_S
            seconds = max(0.1, min(timeout or most, most))
            await _script(WAIT, session_id, context, ms=int(seconds * 1000))
        case "kill":
            await _script(KILL, session_id, context)
    return await _poll(session_id, known, context)


def _unknown(name: str | None, started: dict[str, _Process]) -> str:
    if name is None:
        return "session_id is missing; process(action='list') shows what there is"
    have = f"There are {', '.join(started)}." if started else "None is there."
    return (
        f"There is no background command {name[:40]!r}. {have} What ran when a run was "
        "interrupted has ended with it."
    )


async def _list(context: Context) -> Output:
    entries = [
        _described(name, each, await _look(LOOK, name, context, room=0))
        for name, each in _started(context).items()
    ]
    return _output({"processes": entries})


async def _poll(name: str, known: _Process, context: Context) -> Output:
    """Show what is new, but for a character of which only the first bytes are there."""
    room = max(0, context.bounds.output_bytes - _FRAME_BYTES)
    look = await _look(POLL, name, context, room=room, since=known.seen)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(look.output, final=look.status != "running")
    missed = max(0, look.oldest - known.seen)
    known.seen = max(known.seen, look.total - len(decoder.getstate()[0]))
    note = f"[{missed} bytes are no longer kept]\n" if missed else ""
    return _output(_described(name, known, look) | {"output": note + text}, context, look)


async def _log(name: str, offset: int | None, limit: int, context: Context) -> Output:
    room = max(0, context.bounds.output_bytes - _FRAME_BYTES)
    skip = f"tail -n {limit}" if offset is None else f"tail -n +{offset + 1} | head -n {limit}"
    look = await _look(LOG, name, context, room=room, part=skip)
    note = f"[{look.oldest} bytes before this are no longer kept]\n" if look.oldest else ""
    text = note + look.output.decode("utf-8", "replace")
    known = _started(context)[name]
    entry = _described(name, known, look) | {"total_lines": look.lines, "output": text}
    return _output(entry, context, look)


def _described(name: str, known: _Process, look: _Look) -> dict[str, object]:
    short = cut(known.command.encode("utf-8", "replace"), HEAD_BYTES).decode()
    entry: dict[str, object] = {"session_id": name, "command": short, "status": look.status}
    if look.status == "running":
        entry["uptime_seconds"] = int(time.monotonic() - known.since)
    return entry | {"exit_code": look.exit_code}


async def _look(
    script: str, name: str, context: Context, *, room: int, since: int = 0, part: str = "cat"
) -> _Look:
    """Run a script that says on one line how it stands, and then what there is of the output."""
    look = _read(await _script(script, name, context, room=room, since=since, part=part))
    if look.status == "lost":  # or its files were written and taken away meanwhile
        look = _read(await _script(script, name, context, room=room, since=since, part=part))
    return look


def _read(done: Finished) -> _Look:
    head, _, output = done.output.partition(b"\n")
    words = head.decode("ascii", "replace").split()
    if len(words) != 5 or words[0] not in STATES:  # somebody took its folder away
        return _Look("lost", None, 0, 0, 0, b"")
    code = _number(words[1], MOST_CODE)
    oldest, total, lines = (_number(word, MOST_BYTES) or 0 for word in words[2:])
    return _Look(words[0], code, oldest, total, lines, output, done.size - len(head) - 1)


def _number(word: str, most: int) -> int | None:
    """Read a number, if it is one that can be: what comes from a sandbox may be anything."""
    number = int(word) if word.isdecimal() and len(word) <= len(str(most)) else None
    return None if number is None or number > most else number


async def _script(script: str, name: str, context: Context, **values: object) -> Finished:
    given = {"room": 0, "since": 0, "part": "cat", "ms": 0} | values
    folder = f"{private_folder(context)}/{name}"
    line = script.format(folder=folder, **given)
    bounds = context.bounds
    return await context.sandbox.run(
        Command(line, timeout_s=bounds.timeout_s, limit=int(str(given["room"])) + HEAD_BYTES)
    )


def _lock(context: Context) -> anyio.Lock:
    return cast("anyio.Lock", context.state.setdefault(_LOCK, anyio.Lock()))


def _started(context: Context) -> dict[str, _Process]:
    return cast("dict[str, _Process]", context.state.setdefault(_KEY, {}))


def _output(
    entry: dict[str, object], context: Context | None = None, look: _Look | None = None
) -> Output:
    """Write an entry as JSON; where quoting made its output too long, cut that again."""
    text = json.dumps(entry, ensure_ascii=False)
    limit = context.bounds.output_bytes if context else None
    shown = str(entry.get("output", "")).encode("utf-8", "replace")
    room = len(shown)
    while limit is not None and len(text.encode()) > limit and room:
        room = max(0, room * limit // len(text.encode()) - 64)
        text = json.dumps(entry | {"output": cut(shown, room).decode()}, ensure_ascii=False)
    is_cut = look is not None and (look.size > len(look.output) or room < len(shown))
    return Output(text, bytes=look.size if look and is_cut else None)
