"""Search the files of the workspace by content or by name.

The search is a command in the sandbox, not a walk in this process: whatever the pattern is and
however much there is to look at, it can be killed at its time limit, and it sees what the
session's own commands see. ``find`` follows no links and picks regular files only, so that no
FIFO holds it up.
"""

from __future__ import annotations

import posixpath
import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Bounds, Context, Output

SEARCH_S = 30.0
LINE_BYTES = 500
"""Of longer lines only the beginning is shown."""

FILE_BLOCKS = 32_768
"""Files of this many blocks of 512 bytes (16 MiB) and more are not searched for content."""

NOTE_BYTES = 100

BAD_PATTERN = 2
"""Exit code for a pattern that is none, which is tried on nothing before the files are read."""

_CONTENT = """\
kind=-P; printf x | grep -q -P x 2>/dev/null || kind=-E
printf '' | grep $kind -e {pattern} 2>&1; [ $? -le 1 ] || exit {bad_pattern}
find {target} -name .git -prune -o -type f -size -{blocks} {names} -print0 2>/dev/null |
LC_ALL=C sort -z | xargs -0 grep -nHI $kind -e {pattern} -- 2>/dev/null |
cut -b 1-{width} | head -n {lines}"""

_FILES = """\
find {target} -name .git -prune -o -type f {names} -print 2>/dev/null |
LC_ALL=C sort | cut -b 1-{width} | head -n {lines}"""


@tool(effect="read")
async def search_files(
    context: Context,
    pattern: str,
    target: Literal["content", "files"] = "content",
    path: str = ".",
    file_glob: str | None = None,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50,
) -> str | Output:
    """Search the content of files, or find files by name.

    With target='content' the lines that match a regular expression come as PATH:LINE:TEXT; with
    target='files' the paths that match a glob pattern such as '*.py' or 'src/*_test.go'. Binary
    files, links and .git are left out. Use this instead of grep, rg, find or ls.

    Args:
        pattern: A regular expression for content, a glob pattern for files.
        target: What to search, 'content' or 'files'.
        path: The folder or file to search, relative to the workspace.
        file_glob: Only look into files with such a name, for example '*.py'.
        limit: How many results to show at most.
    """
    search = _Search(pattern=pattern, target=target, file_glob=file_glob, lines=limit + 1)
    try:
        finished, folder = await _run(search, path, context)
    except OSError as error:
        return failure(f"Cannot search {path}: {error.strerror}")
    text = finished.output.decode("utf-8", "replace").replace("\0", "\ufffd")
    if finished.exit_code == BAD_PATTERN:
        return failure(f"{pattern!r} is no regular expression that can be searched for: {text}")
    if finished.timed_out:
        return failure("The search took too long; narrow it by path or file_glob", "timeout")
    if not text:
        return f"Nothing found in {path} for {pattern!r}{_advice(search)}"
    return _shown(text, folder, limit, context.bounds.output_bytes)


class _Search(msgspec.Struct, frozen=True):
    """What to look for, and how many lines of result to give."""

    pattern: str
    target: Literal["content", "files"]
    file_glob: str | None
    lines: int


async def _run(search: _Search, path: str, context: Context) -> tuple[Finished, str]:
    """Search a folder or a single file; gives also the folder that the results start from."""
    try:
        return await context.sandbox.run(_command(search, ".", path, context.bounds)), path
    except NotADirectoryError:
        folder, name = posixpath.split(path.rstrip("/"))
        command = _command(search, f"./{name}", folder or ".", context.bounds)
        return await context.sandbox.run(command), command.directory


def _command(search: _Search, target: str, folder: str, bounds: Bounds) -> Command:
    globs = [search.file_glob] if search.file_glob else []
    globs += [search.pattern] if search.target == "files" else []
    line = (_CONTENT if search.target == "content" else _FILES).format(
        pattern=shlex.quote(search.pattern),
        target=shlex.quote(target),
        names=" ".join(_named(glob) for glob in globs),
        blocks=FILE_BLOCKS,
        bad_pattern=BAD_PATTERN,
        width=LINE_BYTES,
        lines=search.lines,
    )
    return Command(
        line,
        timeout_s=min(SEARCH_S, bounds.timeout_s),
        limit=search.lines * (LINE_BYTES + 1),
        directory=folder,
    )


def _named(glob: str) -> str:
    """Write a glob pattern as a test of ``find``: of a path if it has a slash, else of a name."""
    if "/" not in glob:
        return f"-name {shlex.quote(glob)}"
    # In a -path pattern `*` goes over slashes, so that `**/` may stand for no folder at all.
    plain = glob.removeprefix("./").removeprefix("**/").replace("**/", "*").replace("**", "*")
    return f"-path {shlex.quote(('./*' if glob.startswith('**/') else './') + plain)}"


def _shown(text: str, folder: str, limit: int, room: int) -> str:
    """List the results with paths from the workspace on, as many as are wanted and fit."""
    lines = text.removesuffix("\n").split("\n")
    start = posixpath.normpath(folder)
    prefix = "" if start == "." else f"{start}/"
    shown: list[str] = []
    for line in lines[:limit]:
        entry = f"{prefix}{line.removeprefix('./')}"
        room -= len(entry.encode()) + 1
        if room < NOTE_BYTES and shown:
            break
        shown.append(entry)
    if len(shown) < len(lines):
        shown.append(f"[the first {len(shown)} results; narrow the search to see the others]")
    return "\n".join(shown)


def _advice(search: _Search) -> str:
    if search.target == "files" and not set("*?[") & set(search.pattern):
        return f"; a part of a name needs wildcards, as in '*{search.pattern}*'"
    return ""
