"""The toolsets that are built in, and the toolbox that a list of their names makes.

Some are only names: known distributions draw them, and nothing built in backs them. A server or a
toolset of one's own with such a name does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hermes_run.config import Settings
from hermes_run.tools.background import process
from hermes_run.tools.files import read_file, write_file
from hermes_run.tools.patching import patch
from hermes_run.tools.python import python
from hermes_run.tools.search import search_files
from hermes_run.tools.shelf import Shelf, Toolset, resolve
from hermes_run.tools.stocking import Brought, make_shelf
from hermes_run.tools.terminal import terminal
from hermes_run.tools.todo import todo
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import Toolbox, make_toolbox
from hermes_run.tools.web import web_fetch

TOOLSETS: Mapping[str, Toolset] = {
    "default": Toolset("What a session gets unasked", includes=("terminal", "file")),
    "terminal": Toolset("Shell commands in the workspace", (terminal, process)),
    "file": Toolset(
        "Read, write, patch and search files", (read_file, write_file, patch, search_files)
    ),
    "search": Toolset("Search files by content and name", (search_files,)),
    "python": Toolset("Python in an interpreter that goes on between calls", (python,)),
    "todo": Toolset("A task list of the session's own", (todo,)),
    "web": Toolset("Read pages of the web", (web_fetch,), network=True),
    "vision": Toolset("Look at pictures"),
    "image_gen": Toolset("Make pictures"),
    "moa": Toolset("Ask several models and join what they say"),
    "browser": Toolset("Use a browser"),
}


def load_toolbox(names: Iterable[str], own: Iterable[Tool] = ()) -> Toolbox:
    """Make a toolbox of the built-in toolsets *names* and tools of one's *own*, in this order.

    Raises:
        UsageError: a toolset is unknown, or two different tools have one name.
    """
    return make_toolbox([*resolve(names, TOOLSETS), *own])


def load_shelf(settings: Settings, own: Iterable[Tool] = ()) -> Shelf:
    """Put what is built in and tools of one's *own* on a shelf; files and servers are left out.

    Raises:
        UsageError: the distribution is unknown, or asked for beside toolsets.
    """
    return make_shelf(settings, TOOLSETS, Brought(tuple(own)))
