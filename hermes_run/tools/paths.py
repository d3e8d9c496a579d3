"""Paths in commands of the sandbox, and names that may have been meant."""

from __future__ import annotations

import difflib
import posixpath
import shlex

from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.tool import Context

NAMES_BYTES = 64 * 1024
NAMES_S = 3.0
"""What a look at a folder may take: it is a hint and no more."""

_GLOB = str.maketrans({each: f"\\{each}" for each in "*?[]\\"})

_NEAR = """\
find {folder} -maxdepth 1 -mindepth 1 2>/dev/null | head -n 2000
find . -name .git -prune -o -type f -iname {name} -print 2>/dev/null | head -n 5"""


def quoted(path: str) -> str:
    """Write a path for a shell line, as the file tools read it: `~` is the workspace."""
    if path == "~" or path.startswith("~/"):
        path = f".{path[1:]}"
    return shlex.quote(path if path.startswith(("/", "./")) else f"./{path}")


async def near_names(context: Context, path: str) -> str:
    """Name the files that may be meant by a *path* that is not there, as a hint or nothing."""
    folder, name = posixpath.split(path.rstrip("/"))
    if not name:
        return ""
    line = _NEAR.format(folder=quoted(folder or "."), name=shlex.quote(name.translate(_GLOB)))
    try:
        finished = await context.sandbox.run(Command(line, NAMES_S, NAMES_BYTES))
    except OSError:
        return ""
    found = finished.output.decode("utf-8", "replace").split("\n")
    near = _closest([posixpath.normpath(each) for each in found if each], path)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _closest(found: list[str], path: str) -> list[str]:
    """Take the most alike of the *found* paths, those of the same name before others."""
    plain = posixpath.normpath(path)
    name = posixpath.basename(plain).lower()
    same = [each for each in found if posixpath.basename(each).lower() == name]
    known = {posixpath.basename(each).lower(): each for each in reversed(found)}
    alike = difflib.get_close_matches(name[:100], list(known), n=3)
    return list(dict.fromkeys([*same, *(known[each] for each in alike)]))[:3]
