"""Search the files of the workspace by content or by name.

The search is a command in the sandbox, not a walk in this process: whatever the pattern is and
however much there is to look at, it can be killed at its time limit, and it sees what the
session's own commands see. ``find`` says which files there are and in which order, whoever looks
into them: ripgrep where it is there, else grep. It follows no links and picks regular files only,
so that no FIFO holds it up.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.tools.call import failure
from hermes_run.tools.paths import near_names
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

Mode = Literal["content", "files_only", "count"]

_DIGIT = re.compile(r"(?<!\\)\\d")

# Who looks into the files, who names those with a match, and who leaves out those that have a NUL.
# Where there is only a small grep, as busybox has it, binary files stay, and POSIX patterns are
# what there is.
_LOOK = r"""
pattern={pattern}
if command -v rg >/dev/null 2>&1; then
look='rg --no-config --no-messages --color never --no-heading -j1 -a -E none --engine auto'
names="$look -l -0"
text='rg --no-config --no-messages -j1 -a -0 --files-without-match \x00 --'
elif printf 'a\0' | grep -q -a -P '\x00' 2>/dev/null; then
look='grep -s -a -P'
names="$look -l -Z"
text='env LC_ALL=C grep -s -L -a -Z -P \x00 --'
else
look='grep -s -E'
names=
pattern={posix}
fi
fault=$(echo | $look -e "$pattern" 2>&1 >/dev/null)
if [ $? -gt 1 ] || [ -z "$names" ] && [ -n "$fault" ]; then
printf '%s' "$fault"; exit {bad_pattern}
fi
chosen() {{
if [ "$names" ]; then found | xargs -0 -r $names -e "$pattern" -- | xargs -0 -r $text
else found; fi; }}
"""

_FOUND = """\
found() {{ find {target} -name .git -prune -o -type f {size} {names} -print0 2>/dev/null |
LC_ALL=C sort -z; }}"""

_ONE_LINE = "! -path '*\n*'"
"""What is found in a file is told on a line that begins with the path."""

_LISTED = r"""tr '\n\0' '?\n'"""

_PAGED = "cut -b 1-{width} | tail -n +{first} | head -n {lines}"

_CONTENT: dict[Mode, str] = {
    "content": 'chosen | xargs -0 -r $look -nH {around} -e "$pattern" -- 2>/dev/null',
    "files_only": 'chosen | xargs -0 -r $look -l -e "$pattern" -- 2>/dev/null',
    "count": "chosen | xargs -0 -r $look -c -H -e \"$pattern\" -- 2>/dev/null | grep -v ':0$'",
}

_NAMES: dict[Mode, str] = {
    "content": f"found | {_LISTED}",
    "files_only": f"found | {_LISTED}",
    "count": f"found | {_LISTED} | wc -l | tr -d ' '",
}


@tool(effect="read")
async def search_files(  # noqa: PLR0913, PLR0917 - models name their arguments
    here: Context,
    pattern: str,
    target: Literal["content", "files"] = "content",
    path: str = ".",
    file_glob: str | None = None,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50,
    offset: Annotated[int, Meta(ge=0)] = 0,
    output_mode: Mode = "content",
    context: Annotated[int, Meta(ge=0, le=20)] = 0,
) -> str | Output:
    """Search the content of files, or find files by name.

    With target='content' the lines that match a regular expression come as PATH:LINE:TEXT; with
    target='files' the paths that match a glob pattern such as '*.py' or 'src/*_test.go'. Hidden
    files are searched, and those that .gitignore names as well; binary files, links, .git and
    names with a line end are left out. Use this instead of grep, rg, find or ls.

    Args:
        pattern: A regular expression for content, a glob pattern for files.
        target: What to search, 'content' or 'files'.
        path: The folder or file to search, relative to the workspace.
        file_glob: Only look into files with such a name, for example '*.py'.
        limit: How many lines of result to show at most.
        offset: How many lines of result to leave out, to go on where the last page ended.
        output_mode: For content: 'content' shows the lines, 'files_only' the paths with a match,
            'count' the number of matching lines of each.
        context: How many lines to show before and after each match.
    """
    search = _Search(
        pattern=pattern,
        target=target,
        file_glob=file_glob,
        mode=output_mode,
        around=context,
        offset=offset,
        lines=limit + 1,
    )
    try:
        finished, folder = await _run(search, path, here)
    except OSError as error:
        near = await near_names(here, path) if isinstance(error, FileNotFoundError) else ""
        return failure(f"Cannot search {path}: {error.strerror}{near}")
    return _told(finished, search, path, folder, here.bounds.output_bytes)


class _Search(msgspec.Struct, frozen=True):
    """What to look for, how to show it, and how many lines of result to give."""

    pattern: str
    target: Literal["content", "files"]
    file_glob: str | None
    mode: Mode
    around: int
    offset: int
    lines: int


async def _run(search: _Search, path: str, here: Context) -> tuple[Finished, str]:
    """Search a folder or a single file; gives also the folder that the results start from."""
    try:
        return await here.sandbox.run(_command(search, ".", path, here.bounds)), path
    except NotADirectoryError:
        folder, name = posixpath.split(path.rstrip("/"))
        command = _command(search, f"./{name}", folder or ".", here.bounds)
        return await here.sandbox.run(command), command.directory


def _command(search: _Search, target: str, folder: str, bounds: Bounds) -> Command:
    by_name = search.target == "files"
    globs = [search.file_glob] if search.file_glob else []
    globs += [search.pattern] if by_name else []
    found = _FOUND.format(
        target=shlex.quote(target),
        names=" ".join(_named(glob) for glob in globs),
        size="" if by_name else f"-size -{FILE_BLOCKS} {_ONE_LINE}",
    )
    pattern = shlex.quote(search.pattern)
    posix = shlex.quote(_DIGIT.sub("[0-9]", search.pattern))
    look = _LOOK.format(pattern=pattern, posix=posix, bad_pattern=BAD_PATTERN)
    show = (_NAMES if by_name else _CONTENT)[search.mode].format(
        around=f"-C {search.around}" if search.around else ""
    )
    paged = _PAGED.format(width=LINE_BYTES, first=search.offset + 1, lines=search.lines)
    return Command(
        f"{found}\n{'' if by_name else look}\n{show} | {paged}",
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


def _told(finished: Finished, search: _Search, path: str, folder: str, room: int) -> str | Output:
    """Make the result of a search of *path* that has ended, for what reason ever."""
    text = finished.output.decode("utf-8", "replace").replace("\0", "\ufffd")
    pattern = search.pattern
    if finished.exit_code == BAD_PATTERN:
        return failure(f"{pattern!r} is no regular expression that can be searched for: {text}")
    if finished.timed_out:
        return failure("The search took too long; narrow it by path or file_glob", "timeout")
    if not text:
        more = f" after the first {search.offset} results" if search.offset else ""
        return f"Nothing found in {path} for {pattern!r}{more}{_advice(search)}"
    return _shown(text, folder, search, room)


def _shown(text: str, folder: str, search: _Search, room: int) -> str:
    """List the results with paths from the workspace on, as many as are wanted and fit."""
    lines = text.removesuffix("\n").split("\n")
    start = posixpath.normpath(folder)
    prefix = "" if start == "." else f"{start}/"
    shown: list[str] = []
    for line in lines[: search.lines - 1]:
        entry = f"{prefix}{line[2:]}" if line.startswith("./") else line
        room -= len(entry.encode()) + 1
        if room < NOTE_BYTES and shown:
            break
        shown.append(entry)
    if len(shown) < len(lines):
        last = search.offset + len(shown)
        said = (
            f"results {search.offset + 1}-{last}" if search.offset else f"the first {last} results"
        )
        shown.append(f"[{said}; go on with offset={last}, or narrow the search]")
    return "\n".join(shown)


def _advice(search: _Search) -> str:
    if search.target == "files" and not set("*?[") & set(search.pattern):
        return f"; a part of a name needs wildcards, as in '*{search.pattern}*'"
    return ""
