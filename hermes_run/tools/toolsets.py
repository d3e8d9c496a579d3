"""Toolsets: tools under a name, and the toolbox that a list of such names makes.

Drawing toolsets at random for each prompt (distributions) ends in :func:`load_toolbox`, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.arguments import closest
from hermes_run.tools.files import patch, read_file, write_file
from hermes_run.tools.search import search_files
from hermes_run.tools.terminal import terminal
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import Toolbox, make_toolbox


class Toolset(msgspec.Struct, frozen=True):
    """Tools of its own, and those of the toolsets it *includes*."""

    description: str
    tools: tuple[Tool, ...] = ()
    includes: tuple[str, ...] = ()


TOOLSETS: Mapping[str, Toolset] = {
    "terminal": Toolset("Shell commands in the workspace", (terminal,)),
    "file": Toolset(
        "Read, write, patch and search files", (read_file, write_file, patch, search_files)
    ),
    "search": Toolset("Search files by content and name", (search_files,)),
    "default": Toolset("What a session gets unasked", includes=("terminal", "file")),
}


def load_toolbox(names: Iterable[str], own: Iterable[Tool] = ()) -> Toolbox:
    """Make a toolbox of the toolsets *names* and the tools of one's *own*, in this order.

    Raises:
        UsageError: a toolset is unknown, or two different tools have one name.
    """
    return make_toolbox([*resolve(names), *own])


def resolve(names: Iterable[str], toolsets: Mapping[str, Toolset] = TOOLSETS) -> list[Tool]:
    """List the tools of the toolsets *names* and of all they include, each once.

    Raises:
        UsageError: a toolset is unknown.
    """
    seen: set[str] = set()
    found = [tool for name in names for tool in _tools(name, toolsets, seen)]
    return list({id(tool): tool for tool in found}.values())


def _tools(name: str, toolsets: Mapping[str, Toolset], seen: set[str]) -> Iterator[Tool]:
    if name in seen:
        return
    seen.add(name)
    if name not in toolsets:
        raise UsageError(
            f"there is no toolset {name!r}.{closest(name, toolsets)} "
            f"Known toolsets: {', '.join(toolsets)}"
        )
    yield from toolsets[name].tools
    for included in toolsets[name].includes:
        yield from _tools(included, toolsets, seen)
