"""The shelf of a run: all its toolsets, and which of them each prompt gets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.distributions import Distribution, Draw, draw
from hermes_run.tools.lack import Asked, Lack, explain
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import Toolbox, make_toolbox
from hermes_run.words import closest
from recorder.messages import Json

Origin: TypeAlias = Literal["built in", "toolsets file", "MCP server"]


class Toolset(msgspec.Struct, frozen=True):
    """Tools of its own, and those of the toolsets it *includes*.

    One without either is only a name, until somebody backs it. ``network`` says that its tools are
    of no use without one, ``absent`` names MCP servers that it takes tools from and nobody started.
    """

    description: str
    tools: tuple[Tool, ...] = ()
    includes: tuple[str, ...] = ()
    network: bool = False
    absent: tuple[str, ...] = ()
    origin: Origin = "built in"

    @property
    def is_backed(self) -> bool:
        """Whether there is anything in it, or would be if the servers were there."""
        return bool(self.tools or self.includes or self.absent)


class Shelf(msgspec.Struct, frozen=True):
    """What there is, and what of it a prompt gets that names nothing itself.

    ``own`` are the tools that are in every session. Where there is a ``distribution``, toolsets are
    drawn from it, with ``seed``; else every prompt gets those in ``names``. ``network`` says
    whether tools reach one.
    """

    toolsets: Mapping[str, Toolset]
    distributions: Mapping[str, Distribution] = {}
    own: tuple[Tool, ...] = ()
    names: tuple[str, ...] = ()
    distribution: str | None = None
    seed: int = 0
    network: bool = False

    @property
    def possible(self) -> tuple[str, ...]:
        """The toolsets that a prompt may get which names none."""
        if self.distribution is None:
            return self.names
        return self.distributions[self.distribution].drawable


def whole(shelf: Shelf) -> Toolbox:
    """Give all tools that a prompt may get which names nothing itself.

    Raises:
        UsageError: some of them can't be had; the text says what to type.
    """
    if shelf.distribution is not None and (lack := lacking(shelf, shelf.possible)):
        chances = shelf.distributions[shelf.distribution].toolsets
        usable = {name: chances[name] for name in chances if not lacking(shelf, [name])}
        raise UsageError(explain(lack, Asked(shelf.distribution, usable)))
    return toolbox_of(shelf, shelf.possible)


def toolbox_of(shelf: Shelf, names: Iterable[str]) -> Toolbox:
    """Make a toolbox of the toolsets *names* and the tools that are in every session.

    Raises:
        UsageError: a toolset is unknown or can't be used, or two different tools have one name.
    """
    names = tuple(names)
    if lack := lacking(shelf, names):
        raise UsageError(explain(lack, Asked()))
    return make_toolbox([*resolve(names, shelf.toolsets), *shelf.own])


def choose(shelf: Shelf, key: str) -> Draw:
    """Give the toolsets of the prompt *key*, drawn or not."""
    if shelf.distribution is None:
        return Draw(shelf.names)
    return draw(shelf.distributions[shelf.distribution], shelf.seed, key)


def idle(shelf: Shelf) -> list[str]:
    """Name the servers of which no prompt gets a tool that names nothing itself."""
    used = {id(tool) for tool in whole(shelf).tools.values()}
    return [
        name
        for name, each in shelf.toolsets.items()
        if each.origin == "MCP server" and not any(id(tool) in used for tool in each.tools)
    ]


def odds(shelf: Shelf) -> dict[str, Json] | None:
    """Give what decides a draw: the percentage and the tools of each toolset, by its name."""
    if shelf.distribution is None:
        return None
    return {
        name: {
            "percent": float(percent),
            "tools": [tool.name for tool in resolve([name], shelf.toolsets)],
        }
        for name, percent in shelf.distributions[shelf.distribution].toolsets.items()
    }


def resolve(names: Iterable[str], toolsets: Mapping[str, Toolset]) -> list[Tool]:
    """List the tools of the toolsets *names* and of all they include, each once.

    Raises:
        UsageError: a toolset is unknown, or includes itself.
    """
    found = [tool for each in _reach(names, toolsets).values() for tool in each.tools]
    return list({id(tool): tool for tool in found}.values())


def lacking(shelf: Shelf, names: Iterable[str]) -> Lack:
    """Find what the toolsets *names* and those they include lack, if anything.

    Raises:
        UsageError: a toolset is unknown, or includes itself.
    """
    reached = _reach(names, shelf.toolsets)
    return Lack(
        unbacked=tuple(name for name, one in reached.items() if not one.is_backed),
        absent={name: one.absent for name, one in reached.items() if one.absent},
        offline=tuple(
            name for name, one in reached.items() if not shelf.network and _is_online(one, shelf)
        ),
    )


def _is_online(toolset: Toolset, shelf: Shelf) -> bool:
    """Whether one of its tools is of no use without a network."""
    online = {id(tool) for each in shelf.toolsets.values() if each.network for tool in each.tools}
    return any(id(tool) in online for tool in toolset.tools)


def _reach(names: Iterable[str], toolsets: Mapping[str, Toolset]) -> dict[str, Toolset]:
    """Find the toolsets *names* and all they include, each before what it includes."""
    reached: dict[str, Toolset] = {}
    for name in names:
        for found in _walk(name, toolsets, (), reached):
            reached[found] = toolsets[found]
    return reached


def _walk(
    name: str,
    toolsets: Mapping[str, Toolset],
    above: tuple[str, ...],
    reached: Mapping[str, Toolset],
) -> Iterator[str]:
    if name in above:
        round_trip = " -> ".join((*above[above.index(name) :], name))
        raise UsageError(f"the toolset {name!r} includes itself: {round_trip}")
    if name in reached:
        return
    if name not in toolsets:
        raise UsageError(
            f"there is no toolset {name!r}.{closest(name, toolsets)} "
            f"Known toolsets: {', '.join(toolsets)}"
        )
    yield name
    for included in toolsets[name].includes:
        yield from _walk(included, toolsets, (*above, name), reached)
