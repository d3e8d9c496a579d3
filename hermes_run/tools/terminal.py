"""The terminal: shell commands in the workspace, within a limit of time and output.

Each command has a shell of its own, which goes on where the one before it ended.
"""

from __future__ import annotations

import json
from typing import Annotated

from msgspec import Meta

from hermes_run.sandboxes.clip import cut
from hermes_run.sandboxes.protocol import Finished
from hermes_run.tools.background import start
from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.shell import run_on
from hermes_run.tools.tool import Context, Output
from recorder.messages import Status


@tool(effect="workspace")
async def terminal(
    context: Context,
    command: str,
    background: bool = False,  # noqa: FBT001, FBT002 - the model's, by name
    timeout: Annotated[int, Meta(ge=1)] | None = None,  # noqa: ASYNC109 - the model's, a bound
    workdir: str | None = None,
) -> Output:
    """Execute a shell command in the workspace and return its output and exit code.

    The working directory, exported variables, functions and aliases persist between calls, as do
    files; options of `set` such as `set -e` hold for one command only. There is no terminal to read
    input from. Standard output and error come together, and what is too long loses its middle.
    Start servers and other long-running programs with background=true and look after them with the
    process tool. Use read_file, write_file, patch and search_files for files rather than cat, echo,
    sed and grep.

    Args:
        command: The command to execute.
        background: Start it in the background and return its session_id at once.
        timeout: Seconds after which the command is killed; the session's own limit if it is lower.
        workdir: Folder to run this one command in, relative to the workspace. Without it the
            command runs where the last one left off.
    """
    try:
        if background:
            return await start(command, timeout, workdir, context)
        return await _run(command, timeout, workdir, context)
    except OSError as error:
        where = "" if workdir is None else f" in {workdir!r}"
        return failure(f"The command was not run{where}: {error.strerror}")


async def _run(line: str, seconds: int | None, workdir: str | None, context: Context) -> Output:
    bounds = context.bounds
    limit = min(seconds or bounds.timeout_s, bounds.timeout_s)
    finished = await run_on(line, context, workdir, seconds=limit, room=bounds.output_bytes)
    status, said = _verdict(finished, limit)
    return Output(
        content=_report(finished, said, bounds.output_bytes),
        status=status,
        bytes=finished.size if finished.size > bounds.output_bytes else None,
        exit_code=finished.exit_code,
    )


def _verdict(finished: Finished, limit: float) -> tuple[Status, str | None]:
    if finished.timed_out:
        return "timeout", f"The command ran into its limit of {limit:g} s and was killed"
    if finished.flooded:
        return "error", f"The command was killed after {finished.size} bytes of output"
    if finished.stopped:
        return "error", f"The command was killed: {finished.stopped}"
    return "ok", None


def _report(finished: Finished, error: str | None, limit: int) -> str:
    """Write the result as JSON in *limit* bytes: quoting makes text longer, so cut it again."""
    room = limit
    while True:
        output = cut(finished.output, room, finished.size).decode("utf-8", "replace")
        report = {
            "output": output.replace("\0", "\ufffd"),
            "exit_code": finished.exit_code,
            "error": error,
        }
        text = json.dumps(report, ensure_ascii=False)
        size = len(text.encode())
        if size <= limit or not room:
            return text
        room = max(0, room * limit // size - 64)
