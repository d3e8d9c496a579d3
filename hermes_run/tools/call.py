"""Run one tool call; whatever the model wrote and whatever the tool does, a result comes back."""

from __future__ import annotations

import json
from typing import Annotated

import anyio
import msgspec
from anyio import to_thread

from hermes_run.decide import SANDBOX_BROKE
from hermes_run.errors import SandboxError, leaves
from hermes_run.refusals import LARGE
from hermes_run.sandboxes.clip import cut
from hermes_run.tools.arguments import Checked, Refused, check, closest
from hermes_run.tools.foreign import go_on_after, said
from hermes_run.tools.tool import Context, Output, Tool
from hermes_run.tools.toolbox import Toolbox
from recorder.json_text import encode
from recorder.messages import Json, Status, ToolCall

GRACE_S = 5.0
"""How long past its limit a tool may take to end by itself, which keeps what it had so far."""

NAMES_LISTED = 40
_MOST = 2**53 - 1
"""The largest integer that all who read JSON read alike."""

ERROR_BYTES = 3_000
"""The longest text of a failure: it may quote what the model wrote, and that may be anything."""


async def execute(call: ToolCall, toolbox: Toolbox, context: Context) -> Output:
    """Run *call* with a tool of *toolbox* and give its result, with content that is always text.

    Nothing but cancellation is raised. The status is ``invalid`` where nothing was run (flagged
    ``unknown_tool``, ``invalid_json`` or ``invalid_arguments``), ``timeout`` past the limit of
    ``context.bounds`` and ``error`` where the tool failed (flagged ``sandbox_broke`` where that is
    neither the model's fault nor the tool's). Arguments that were mended are flagged
    ``coerced:NAME``.
    """
    tool = toolbox.tools.get(call.name)
    if tool is None:
        return refused(Refused(_unknown(call.name, toolbox), "unknown_tool"))
    try:
        checked = await _checked(call.arguments, tool)
    except Exception as error:  # noqa: BLE001 - a tool's own types check themselves as they like
        return _failed(error)
    if isinstance(checked, Refused):
        return refused(checked)
    output = await _run(tool, checked.values, context)
    return _fit(output, context.bounds.output_bytes, checked.flags)


async def _checked(arguments: str, tool: Tool) -> Checked | Refused:
    """Check *arguments*, beside the loop where that takes long: it is shared by all sessions."""
    if len(arguments) < LARGE:
        return check(arguments, tool)
    return await to_thread.run_sync(check, arguments, tool)


def failure(text: str, status: Status = "error", flags: tuple[str, ...] = ()) -> Output:
    """Make the result of a call that failed: a JSON object with the key ``error``."""
    short = cut(text.encode("utf-8", "replace"), ERROR_BYTES).decode()
    content = json.dumps({"error": short}, ensure_ascii=False)
    return Output(content=content, status=status, flags=flags)


async def _run(tool: Tool, arguments: dict[str, Json], context: Context) -> Output:
    limit = context.bounds.timeout_s
    with anyio.move_on_after(limit + min(limit, GRACE_S)):
        try:
            return _well_formed(await tool.run(arguments, context))
        # A tool is foreign code: all that it raises is a fact for the model, also SystemExit, the
        # panics of native extensions and a cancellation that is not ours, which are no Exception.
        except BaseException as error:  # noqa: BLE001 - all of it becomes a fact
            await go_on_after(error)
            return _failed(error)
    return failure(f"{tool.name} was stopped at its limit of {limit:g} s", "timeout")


class _Fields(msgspec.Struct, frozen=True):
    """What an output may hold besides its content, as a record can keep it."""

    status: Status
    bytes: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] | None
    exit_code: Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)] | None
    flags: tuple[str, ...]


def _well_formed(output: Output) -> Output:
    """Give *output* with its content as text.

    Raises:
        Exception: it is not what an output may be, whichever way.
    """
    fields = msgspec.convert(output, _Fields, from_attributes=True)
    "".join(fields.flags).encode()  # not every string can be written
    return Output(content=_text(output.content), **msgspec.structs.asdict(fields))


def _failed(error: BaseException) -> Output:
    broke = isinstance(leaves(error)[0], SandboxError)
    return failure(said(error), flags=(SANDBOX_BROKE,) if broke else ())


def _text(content: Json) -> str:
    """Write what a tool returned as text: strings as they are, everything else as JSON."""
    return content if isinstance(content, str) else encode(content).decode()


def _fit(output: Output, limit: int, flags: tuple[str, ...]) -> Output:
    """Make the text one that every file and endpoint takes, and cut it to *limit* bytes."""
    text = output.content.replace("\0", "\ufffd")
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    return msgspec.structs.replace(
        output,
        content=cut(whole, limit).decode(),
        bytes=len(whole) if output.bytes is None and len(whole) > limit else output.bytes,
        flags=output.flags + flags,
    )


def refused(why: Refused) -> Output:
    """Make the result of a call that is not run, for *why*."""
    return failure(why.text, "invalid", (why.flag,))


def _unknown(name: str, toolbox: Toolbox) -> str:
    names = list(toolbox.tools)
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    have = (
        f"Available tools: {', '.join(names[:NAMES_LISTED])}{more}."
        if names
        else ("No tools are available.")
    )
    return f"There is no tool {name[:80]!r}.{closest(name, names)} {have}"
