"""Put together the shelf of a run. Pure.

What is on it comes from four places: what is built in, the toolsets file, the MCP servers (each is
a toolset of its own name) and tools of one's own. Of two toolsets with one name the one from the
file counts, then the server's, then the built-in one: so a server or a toolset called ``browser``
backs what known distributions mean by that. Tools of one's own that no toolset in the file names
are in every session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.tools.distributions import DISTRIBUTIONS
from hermes_run.tools.sets_file import OwnToolset, Sets
from hermes_run.tools.shelf import Shelf, Toolset, resolve
from hermes_run.tools.tool import Tool
from hermes_run.words import closest

_UNASKED = ((), Settings().toolsets)
"""Toolsets of runs that name none."""


class Brought(msgspec.Struct, frozen=True):
    """What users bring: tools, the toolsets file, and a toolset of each MCP server by its name."""

    tools: tuple[Tool, ...] = ()
    sets: Sets = Sets()
    servers: Mapping[str, Toolset] = {}


def make_shelf(settings: Settings, built_in: Mapping[str, Toolset], brought: Brought) -> Shelf:
    """Put together what a run with *settings* may use.

    Raises:
        UsageError: a toolset names what is not there or includes itself, a server has the name of
            a built-in toolset, a distribution is not there or is asked for beside toolsets.
    """
    sets, named = brought.sets, _named(brought.sets)
    shelf = Shelf(
        toolsets={**built_in, **_served(brought, built_in), **_filed(brought, built_in)},
        distributions={**DISTRIBUTIONS, **sets.distributions},
        own=tuple(tool for tool in brought.tools if tool.name not in named),
        names=settings.toolsets,
        distribution=settings.distribution,
        seed=settings.seed,
        network=settings.network != "none",
    )
    for name in sets.toolsets:
        _check(f"{sets.source}: [toolsets.{name}]", (name,), shelf)
    for name, distribution in sets.distributions.items():
        _check(f"{sets.source}: [distributions.{name}]", distribution.toolsets, shelf)
    _check_choice(shelf)
    return shelf


def _served(brought: Brought, built_in: Mapping[str, Toolset]) -> dict[str, Toolset]:
    """Give the toolsets of servers; each may have a name that stands for nothing, or the web."""
    for name in brought.servers:
        known = built_in.get(name)
        if known and known.is_backed and not known.network:
            raise UsageError(
                f"the MCP server {name!r} has the name of a built-in toolset: call it something "
                "else in the file of --mcp"
            )
    return {
        name: msgspec.structs.replace(each, origin="MCP server")
        for name, each in brought.servers.items()
    }


def _filed(brought: Brought, built_in: Mapping[str, Toolset]) -> dict[str, Toolset]:
    """Make the toolsets of the file."""
    shared = [*built_in.values(), *brought.servers.values()]
    offered = [tool for each in shared for tool in each.tools]
    known = {tool.name: tool for tool in (*offered, *brought.tools)}
    return {
        name: _of_file(f"{brought.sets.source}: [toolsets.{name}]", each, known, brought)
        for name, each in brought.sets.toolsets.items()
    }


def _of_file(where: str, own: OwnToolset, known: Mapping[str, Tool], brought: Brought) -> Toolset:
    for name in own.tools:
        if name not in known:
            raise UsageError(
                f"{where} there is no tool {name!r}.{closest(name, known)} "
                f"Known tools: {', '.join(known)}"
            )
    served = [brought.servers[name] for name in own.mcp if name in brought.servers]
    return Toolset(
        own.description or "From the toolsets file",
        (*(known[name] for name in own.tools), *(tool for each in served for tool in each.tools)),
        own.includes,
        absent=tuple(name for name in own.mcp if name not in brought.servers),
        origin="toolsets file",
    )


def _named(sets: Sets) -> set[str]:
    return {name for each in sets.toolsets.values() for name in each.tools}


def _check(where: str, names: Iterable[str], shelf: Shelf) -> None:
    try:
        resolve(names, shelf.toolsets)
    except UsageError as error:
        raise UsageError(f"{where} {error}") from error


def _check_choice(shelf: Shelf) -> None:
    name = shelf.distribution
    if name is None:
        return
    if name not in shelf.distributions:
        raise UsageError(
            f"there is no distribution {name!r}.{closest(name, shelf.distributions)} "
            f"Known distributions: {', '.join(shelf.distributions)}"
        )
    if shelf.names not in _UNASKED:
        raise UsageError(
            f"--distribution {name} draws the toolsets of each prompt, and --toolsets "
            f"{','.join(shelf.names)} gives them to all: leave one of the two out"
        )
