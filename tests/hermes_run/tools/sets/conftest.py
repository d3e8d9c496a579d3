"""Tools, and shelves of built-in toolsets that need nothing real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hermes_run.config import Settings
from hermes_run.tools.schema import tool
from hermes_run.tools.sets_file import read_sets
from hermes_run.tools.shelf import Shelf, Toolset
from hermes_run.tools.stocking import Brought, make_shelf
from hermes_run.tools.tool import Tool

Named = Callable[[str], Tool]
Stock = Callable[..., Shelf]


def make(name: str) -> Tool:
    """Make a tool that does nothing."""

    @tool(name=name, effect="pure")
    def made(text: str) -> str:
        """Give it back."""
        return text

    return made


RUN, READ, SEARCH, FETCH = make("run"), make("read"), make("search"), make("fetch")

BUILT_IN = {
    "default": Toolset("", includes=("terminal", "file")),
    "terminal": Toolset("", (RUN,)),
    "file": Toolset("", (READ, SEARCH)),
    "search": Toolset("", (SEARCH,)),
    "web": Toolset("", (FETCH,), network=True),
    "browser": Toolset(""),
    "vision": Toolset(""),
    "image_gen": Toolset(""),
    "moa": Toolset(""),
}


@pytest.fixture
def named() -> Named:
    """Make a tool by its name."""
    return make


@pytest.fixture
def stock() -> Stock:
    """Make a shelf of settings, the text of a toolsets file, servers, and tools."""

    def put(
        text: str = "",
        servers: dict[str, list[Tool]] | None = None,
        tools: tuple[Tool, ...] = (),
        **options: Any,
    ) -> Shelf:
        served = {name: Toolset("", tuple(each)) for name, each in (servers or {}).items()}
        brought = Brought(tools, read_sets(text, "sets.toml"), served)
        return make_shelf(Settings(**options), BUILT_IN, brought)

    return put
