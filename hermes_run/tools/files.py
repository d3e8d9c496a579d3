"""Read and write text files of the workspace; ``patch`` changes parts of them."""

from __future__ import annotations

import posixpath
from typing import Annotated

import anyio
from msgspec import Meta

from hermes_run.tools.call import failure
from hermes_run.tools.paths import near_names
from hermes_run.tools.reading import FILE_BYTES, read_page
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output

HEAD_BYTES = 64 * 1024
"""What is looked at of a file that is written over."""


@tool(effect="read")
async def read_file(
    context: Context,
    path: str,
    offset: Annotated[int, Meta(ge=1)] = 1,
    limit: Annotated[int, Meta(ge=1, le=2000)] = 500,
) -> str | Output:
    """Read a text file with line numbers, a page at a time.

    Each line comes as LINE_NUMBER|TEXT. Use this instead of cat, head or tail. A last line in
    brackets says where to go on if there is more; a page may be anywhere in a file of any size.
    Binary files are described, not shown.

    Args:
        path: The file, relative to the workspace.
        offset: Line to begin with; the first line is 1.
        limit: How many lines to show at most.
    """
    try:
        content = await context.sandbox.read(path, FILE_BYTES + 1)
        return await read_page(context, path, content, offset, limit)
    except OSError as error:
        return await not_done(context, "read", path, error)


@tool(effect="workspace")
async def write_file(context: Context, path: str, content: str) -> str | Output:
    """Write a file: all of its content is replaced, and missing folders are made.

    Use this instead of echo or a here-document. The content is written as it is, in UTF-8; a file
    that is there keeps its permissions. To change a part of a file use patch.

    Args:
        path: The file, relative to the workspace.
        content: The whole content of the file.
    """
    written = content.encode()
    try:
        async with turn(context):
            notes = await _before(context, path, content)
            await context.sandbox.write(path, written)
    except OSError as error:
        return await not_done(context, "write", path, error)
    return "\n".join([f"Wrote {len(written)} bytes to {path}", *notes])


def turn(context: Context) -> anyio.Lock:
    """Let the calls of one turn change files one after the other, or one would undo another."""
    return context.state.setdefault("files.lock", anyio.Lock())


async def not_done(context: Context, verb: str, path: str, error: OSError) -> Output:
    """Make the result of a call that the sandbox refused, with what may have been meant."""
    hint = ""
    if isinstance(error, FileNotFoundError):
        hint = await near_names(context, path)
        hint = hint or "; search_files with target='files' finds names"
    if isinstance(error, IsADirectoryError):
        hint = "; search_files with target='files' and pattern='*' lists it"
    return failure(f"Cannot {verb} {path}: {error.strerror}{hint}")


async def _before(context: Context, path: str, content: str) -> list[str]:
    """Say what writing *content* to *path* changes beside the content."""
    try:
        head = await context.sandbox.read(path, HEAD_BYTES)
    except FileNotFoundError:
        made = await _missing(context, posixpath.dirname(path))
        return [f"[made the folder {made}]"] if made else []
    except OSError:
        # Whether it can be written is told by writing it.
        return []
    if b"\r\n" in head and "\n" in content and "\r\n" not in content:
        return [r"[its lines ended with \r\n before, now with \n]"]
    return []


async def _missing(context: Context, folder: str) -> str:
    """Give the first folder on the way that is not there."""
    missing = ""
    while folder.strip("/"):
        try:
            await context.sandbox.read(folder, 0)
        except FileNotFoundError:
            missing, folder = folder, posixpath.dirname(folder)
        except OSError:
            break
        else:
            break
    return missing
