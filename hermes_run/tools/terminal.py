"""The terminal: a shell command in the workspace, within a limit of time and output."""

from __future__ import annotations

import json
from typing import Annotated

from msgspec import Meta

from hermes_run.sandboxes.clip import cut
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output
from recorder.messages import Status


@tool(effect="workspace")
async def terminal(
    context: Context,
    command: str,
    timeout: Annotated[int, Meta(ge=1)] | None = None,  # noqa: ASYNC109 - the model's, a bound
    workdir: str = ".",
) -> Output:
    """Execute a shell command in the workspace and return its output and exit code.

    Every command runs in a new bash: the workspace and its files persist between calls, the
    working directory and variables do not. There is no terminal to read input from. Standard
    output and error come together, and what is too long loses its middle. Use read_file,
    write_file, patch and search_files for files rather than cat, echo, sed and grep.

    Args:
        command: The command to execute.
        timeout: Seconds after which the command is killed; the session's own limit if it is lower.
        workdir: Folder to run in, relative to the workspace.
    """
    bounds = context.bounds
    limit = min(timeout or bounds.timeout_s, bounds.timeout_s)
    try:
        finished = await context.sandbox.run(
            Command(command, timeout_s=limit, limit=bounds.output_bytes, directory=workdir)
        )
    except OSError as error:
        return failure(f"The command was not run in {workdir!r}: {error.strerror}")
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
