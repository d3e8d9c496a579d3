"""Read, write and patch text files of the workspace."""

from __future__ import annotations

from typing import Annotated

import anyio
from anyio import to_thread
from msgspec import Meta

from hermes_run.tools.call import failure
from hermes_run.tools.paging import is_binary, page, split
from hermes_run.tools.replacing import Replaced, replace
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output

FILE_BYTES = 4 * 1024 * 1024
"""What is read of one file; commands can look at the rest."""

NOTE_BYTES = 400
"""Room kept for the notes under a page."""


@tool(effect="read")
async def read_file(
    context: Context,
    path: str,
    offset: Annotated[int, Meta(ge=1)] = 1,
    limit: Annotated[int, Meta(ge=1, le=2000)] = 500,
) -> str | Output:
    """Read a text file with line numbers, a page at a time.

    Each line comes as LINE_NUMBER|TEXT. Use this instead of cat, head or tail. A last line in
    brackets says where to go on if there is more. Binary files are not shown.

    Args:
        path: The file, relative to the workspace.
        offset: Line to begin with; the first line is 1.
        limit: How many lines to show at most.
    """
    try:
        content = await context.sandbox.read(path, FILE_BYTES + 1)
    except OSError as error:
        return _not_done("read", path, error)
    if is_binary(content):
        return failure(
            f"{path} is a binary file; look at it with a command such as `file` or `xxd`"
        )
    return await to_thread.run_sync(_read, content, offset, limit, context.bounds.output_bytes)


@tool(effect="workspace")
async def write_file(context: Context, path: str, content: str) -> str | Output:
    """Write a file: all of its content is replaced, and missing folders are made.

    Use this instead of echo or a here-document. To change a part of a file use patch.

    Args:
        path: The file, relative to the workspace.
        content: The whole content of the file.
    """
    written = content.encode()
    try:
        async with _turn(context):
            await context.sandbox.write(path, written)
    except OSError as error:
        return _not_done("write", path, error)
    return f"Wrote {len(written)} bytes to {path}"


@tool(effect="workspace")
async def patch(
    context: Context,
    path: str,
    old_string: str,
    new_string: str,
    replace_all: bool = False,  # noqa: FBT001, FBT002 - models name their arguments
) -> str | Output:
    """Replace a piece of text in a file.

    old_string must stand in the file exactly as given, white space included, and only once unless
    replace_all is set; take in lines around it to make it the only one. Where it is not found, the
    nearest lines are shown.

    Args:
        path: The file, relative to the workspace.
        old_string: The text to replace, without line numbers.
        new_string: The text to put there; empty to delete.
        replace_all: Replace it wherever it stands.
    """
    try:
        async with _turn(context):
            content = await context.sandbox.read(path, FILE_BYTES + 1)
            replaced = await to_thread.run_sync(
                _replace, content, old_string, new_string, replace_all
            )
            if isinstance(replaced, str):
                return failure(f"{path} was not changed: {replaced}")
            await context.sandbox.write(path, replaced.text.encode())
    except OSError as error:
        return _not_done("patch", path, error)
    lines = ", ".join(str(line) for line in replaced.lines)
    more = ", ..." if replaced.count > len(replaced.lines) else ""
    return f"Replaced {replaced.count} in {path} (line {lines}{more})"


def _turn(context: Context) -> anyio.Lock:
    """Let the calls of one turn change files one after the other, or one would undo another."""
    return context.state.setdefault("files.lock", anyio.Lock())


def _not_done(verb: str, path: str, error: OSError) -> Output:
    hint = ""
    if isinstance(error, FileNotFoundError):
        hint = "; search_files with target='files' finds names"
    if isinstance(error, IsADirectoryError):
        hint = "; search_files with target='files' and pattern='*' lists it"
    return failure(f"Cannot {verb} {path}: {error.strerror}{hint}")


def _read(content: bytes, offset: int, limit: int, room: int) -> str | Output:
    """Show a page and say what is before and behind it."""
    text = content[:FILE_BYTES].decode("utf-8", "replace")
    count = len(split(text))
    if offset > max(count, 1):
        return failure(f"There is no line {offset}: the file has {count} lines")
    shown, following = page(text, offset, limit, room - NOTE_BYTES)
    notes = [
        f"lines {offset}-{following - 1} of {count}; go on with offset={following}"
        if following <= count
        else "",
        f"only the first {FILE_BYTES} bytes were read; see the rest with a command such as sed"
        if len(content) > FILE_BYTES
        else "",
        "the file is empty" if not content else "",
        "the file is not UTF-8; \ufffd stands for what could not be read"
        if "\ufffd" in text and "\ufffd".encode() not in content
        else "",
    ]
    return "\n".join([*([shown] if content else []), *(f"[{note}]" for note in notes if note)])


def _replace(content: bytes, old: str, new: str, every: bool) -> Replaced | str:  # noqa: FBT001
    if len(content) > FILE_BYTES:
        return f"it is larger than {FILE_BYTES} bytes; use a command such as sed"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8 text; use a command"
    return replace(text, old, new, every=every)
