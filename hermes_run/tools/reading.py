"""Show a page of a file, wherever it is in it.

What fits is taken from the bytes that were read. Farther in, a command in the sandbox cuts the page
out: nothing of a file's size is ever held in this process, and lines of any length pass through
``cut`` byte by byte.
"""

from __future__ import annotations

from functools import partial

import msgspec
from anyio import to_thread

from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.call import failure
from hermes_run.tools.paging import LINE_CHARACTERS, page, split
from hermes_run.tools.paths import quoted
from hermes_run.tools.texts import Text, decode, describe, is_binary
from hermes_run.tools.tool import Context, Output

FILE_BYTES = 4 * 1024 * 1024
"""What is read of one file at once; what lies behind is looked at with commands."""

COUNTED_BYTES = 4 * 1024**3
"""The lines of files up to this size are counted."""

LINE_BYTES = 4 * LINE_CHARACTERS + 4
NOTE_BYTES = 400
"""Room kept for the notes under a page."""

COUNT_S, CUT_S = 10.0, 30.0

_REST = " [... the rest of the line cut ...]"
_CUT = "tail -n +{offset} < {path} | head -n {limit} | cut -b 1-{width} | head -c {bytes}"


class _Page(msgspec.Struct, frozen=True):
    """A page as it was asked for: its first line, how many, and the bytes there is room for."""

    offset: int
    limit: int
    room: int


async def read_page(
    context: Context, path: str, content: bytes, offset: int, limit: int
) -> str | Output:
    """Show lines *offset* to *offset* + *limit* - 1 of a file that begins with *content*."""
    asked = _Page(offset, limit, context.bounds.output_bytes - NOTE_BYTES)
    if is_binary(content):
        size = len(content) if len(content) <= FILE_BYTES else await _size(context, path)
        return failure(
            f"{path} is a binary file: {describe(content, size)}; look at it with a command"
        )
    if len(content) > FILE_BYTES:
        return await _far(context, path, content, asked)
    return await to_thread.run_sync(_near, content, asked)


def _near(content: bytes, asked: _Page) -> str | Output:
    """Show a page of a file that was read as a whole."""
    text = decode(content)
    lines = split(text.text)
    if asked.offset > max(len(lines), 1):
        return _behind(asked.offset, len(lines))
    first = asked.offset - 1
    shown, following = page(lines[first : first + asked.limit], asked.offset, asked.room)
    more = (
        f"lines {asked.offset}-{following - 1} of {len(lines)}; go on with offset={following}"
        if following <= len(lines)
        else ""
    )
    notes = [more, text.note, _ends(text.text), "" if content else "the file is empty"]
    return "\n".join([*([shown] if lines else []), *(f"[{note}]" for note in notes if note)])


async def _far(context: Context, path: str, content: bytes, asked: _Page) -> str | Output:
    """Show a page of a file of which *content* is the beginning only."""
    head = await to_thread.run_sync(partial(decode, content[:FILE_BYTES], whole=False))
    lines = split(head.text)
    size = await _size(context, path)
    count = await _count(context, path, size)
    first = asked.offset - 1
    # The last line of the beginning may be a part of one.
    found = lines[first : min(first + asked.limit, len(lines) - 1)]
    if len(found) < asked.limit and head.encoding.startswith("utf-16"):
        if not found:
            return failure("This far in, a file in UTF-16 can't be shown; convert it with iconv")
    elif len(found) < asked.limit:
        cut = await _cut(context, path, asked, head)
        if isinstance(cut, Output):
            return cut
        found = cut
    if not found:
        return _behind(asked.offset, count)
    shown, following = page(found, asked.offset, asked.room)
    of = f"of {count}" if count is not None else f"of a file of {size} bytes"
    more = f"; go on with offset={following}" if count is None or following <= count else ""
    notes = [f"lines {asked.offset}-{following - 1} {of}{more}", head.note, _ends(head.text)]
    return "\n".join([shown, *(f"[{note}]" for note in notes if note)])


async def _cut(context: Context, path: str, asked: _Page, head: Text) -> list[str] | Output:
    """Cut a page out of a large file by a command."""
    # A line that is shown as 2,000 characters may come as four times as many bytes.
    limit = 4 * asked.room + LINE_BYTES
    line = _CUT.format(
        offset=asked.offset, limit=asked.limit, path=quoted(path), width=LINE_BYTES, bytes=limit
    )
    finished = await context.sandbox.run(Command(line, min(CUT_S, context.bounds.timeout_s), limit))
    if finished.timed_out:
        return failure(
            f"Line {asked.offset} is too far in to be reached in time; read an earlier page, or "
            "cut the file with a command",
            "timeout",
        )
    # What is behind the last line feed is nothing, or a line that was cut for want of room.
    return [_cleaned(row, head) for row in finished.output.split(b"\n")[:-1]]


def _cleaned(row: bytes, head: Text) -> str:
    """Read one line as the beginning of the file is read; a longer one says that it was cut."""
    kind = "latin-1" if head.encoding == "latin-1" else "utf-8"
    text = row.decode(kind, "replace")
    if len(row) >= LINE_BYTES:
        return f"{text[: LINE_CHARACTERS - len(_REST)]}{_REST}"
    return text.removesuffix("\r")


async def _size(context: Context, path: str) -> int:
    return await _number(context, f"wc -c < {quoted(path)}") or FILE_BYTES + 1


async def _count(context: Context, path: str, size: int) -> int | None:
    """Count the lines of a file, also a last one without a line feed, if it is not too large."""
    if size > COUNTED_BYTES:
        return None
    name = quoted(path)
    line = f"echo $(($(wc -l < {name}) + 1 - $(tail -c 1 < {name} | wc -l)))"
    return await _number(context, line)


async def _number(context: Context, line: str) -> int | None:
    finished = await context.sandbox.run(Command(line, min(COUNT_S, context.bounds.timeout_s), 100))
    text = finished.output.strip()
    return int(text) if text.isdigit() and finished.exit_code == 0 else None


def _behind(offset: int, count: int | None) -> Output:
    return failure(
        f"There is no line {offset}: the file has {'fewer' if count is None else count} lines"
    )


def _ends(text: str) -> str:
    """Say that the lines end with carriage returns, which are not shown."""
    returns, feeds = text.count("\r\n"), text.count("\n")
    if returns * 2 <= feeds:
        return ""
    return r"lines end with \r\n" if returns == feeds else r"most lines end with \r\n"
