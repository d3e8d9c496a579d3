"""The servers of a run: started together before it, and a toolset of each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.belongings import Belongings, open_belongings
from hermes_run.tools.mcp.asked import Asked, read_asked
from hermes_run.tools.mcp.line import LostError
from hermes_run.tools.mcp.names import name_tools
from hermes_run.tools.shelf import Toolset
from hermes_run.tools.tool import Context, Output, Tool
from hermes_run.words import closest
from recorder.messages import Effect, Json

if TYPE_CHECKING:
    import mcp_types as types

    from hermes_run.tools.mcp.client import Client, Losses, Patience

MISSING = (
    "--mcp needs the package mcp, which is not installed: pip install 'hermes-run[mcp]' "
    "(or uv add 'hermes-run[mcp]')"
)


class Servers(Mapping[str, Toolset]):
    """The toolset of each server by the server's name; made by :func:`open_servers`."""

    def __init__(self, toolsets: Mapping[str, Toolset], sources: Collection[_Source]) -> None:
        self._toolsets, self._sources = toolsets, sources

    def __getitem__(self, name: str) -> Toolset:
        return self._toolsets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._toolsets)

    def __len__(self) -> int:
        return len(self._toolsets)

    def notices(self) -> list[str]:
        """Say which servers were lost while the run went on; for its report."""
        return [_notice(source) for source in self._sources if source.losses.count]


class _Source(msgspec.Struct, frozen=True):
    """A server that answers: its tools, and how a client of it is opened.

    ``client`` is the one that all sessions share, ``None`` where each has its own.
    """

    asked: Asked
    tools: tuple[types.Tool, ...]
    losses: Losses
    open: Callable[[], AbstractAsyncContextManager[Client]]
    client: Client | None


@asynccontextmanager
async def open_servers(
    path: Path,
    taken: Collection[str] = (),
    folder: Path | None = None,
    patience: Patience | None = None,
) -> AsyncGenerator[Servers]:
    """Start the servers of the file *path*; they end when the block is left.

    Args:
        path: JSON, ``{"mcpServers": {NAME: {...}}}``.
        taken: names of tools that belong to others; of the servers' own, one that is among them
            or that two servers have becomes ``SERVER_TOOL``.
        folder: where programs run that name no ``cwd``; the current one by default.
        patience: how long a start may take and how often a server may die.

    Raises:
        UsageError: the file can't be used, the ``mcp`` package is missing, or a server does not
            start; the text says what to do.
    """
    asked = [_placed(one, folder) for one in read_asked(path)]
    try:
        from hermes_run.tools.mcp import client as sdk  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "httpx2", "pydantic"):
            raise
        raise UsageError(MISSING) from error
    patience = patience or sdk.Patience()
    async with open_belongings() as belongings:
        sources = await _start(asked, patience, belongings)
        names = name_tools({s.asked.name: [t.name for t in s.tools] for s in sources}, taken)
        toolsets = {
            source.asked.name: Toolset(
                f"Tools of the MCP server {source.asked.name}",
                tuple(
                    _tool(source, tool, names[source.asked.name, tool.name])
                    for tool in source.tools
                ),
            )
            for source in sources
        }
        yield Servers(toolsets, sources)


def _placed(asked: Asked, folder: Path | None) -> Asked:
    """Let the paths of a program begin at *folder*."""
    if folder is None or asked.transport == "http":
        return asked
    return msgspec.structs.replace(asked, cwd=str(folder / (asked.cwd or "")))


async def _start(asked: list[Asked], patience: Patience, belongings: Belongings) -> list[_Source]:
    """Start all servers at once.

    Raises:
        UsageError: some do not start; all of them are told.
    """
    found: dict[str, _Source] = {}
    faults: dict[str, str] = {}

    async def start(one: Asked) -> None:
        try:
            found[one.name] = await _reach(one, patience, belongings)
        except (LostError, UsageError) as error:
            faults[one.name] = str(error)

    async with anyio.create_task_group() as tasks:
        for one in asked:
            tasks.start_soon(start, one)
    if faults:
        told = [
            f"the MCP server {each.name!r} can't be used: {faults[each.name]}"
            for each in asked
            if each.name in faults
        ]
        raise UsageError("\n".join(told))
    return [found[one.name] for one in asked]


async def _reach(asked: Asked, patience: Patience, belongings: Belongings) -> _Source:
    """Start one server and look at its tools.

    Raises:
        LostError: it can't be reached.
        UsageError: it has not the tools that were asked for.
    """
    from hermes_run.tools.mcp import client as sdk  # noqa: PLC0415 - an optional extra

    losses = sdk.Losses()
    make = partial(sdk.open_client, asked, patience, losses)
    if asked.session:  # each session gets one of its own; this one is for its tools
        async with make() as first:
            tools = _chosen(asked, (await first.connect()).tools)
        return _Source(asked, tools, losses, make, None)
    client = await belongings.keep(asked.title, make)
    tools = _chosen(asked, (await client.connect()).tools)
    return _Source(asked, tools, losses, make, client)


def _chosen(asked: Asked, tools: tuple[types.Tool, ...]) -> tuple[types.Tool, ...]:
    """Give the tools that were asked for, in the server's order.

    Raises:
        UsageError: the server has no tool of that name, or none at all.
    """
    names = [tool.name for tool in tools]
    for name in asked.tools or ():
        if name not in names:
            raise UsageError(
                f'it has no tool {name!r} that "tools" could allow.{closest(name, names)} '
                f"It has: {', '.join(names)}"
            )
    return tuple(tool for tool in tools if asked.tools is None or tool.name in asked.tools)


def _tool(source: _Source, tool: types.Tool, name: str) -> Tool:
    """Make a tool of ours: its schema and description are the server's, as they are."""
    asked = source.asked

    async def run(arguments: dict[str, Json], context: Context) -> Output:
        limit = min(asked.timeout or context.bounds.timeout_s, context.bounds.timeout_s)
        client = await _client_for(source, context)
        return await client.call(tool.name, arguments, limit)

    return Tool(
        name=name,
        description=tool.description or tool.title or "",
        parameters=tool.input_schema,
        effect=_effect(asked, tool),
        run=run,
    )


async def _client_for(source: _Source, context: Context) -> Client:
    """Give the client that all sessions share, or the session's own."""
    return source.client or await context.keep(source.asked.title, source.open)


def _effect(asked: Asked, tool: types.Tool) -> Effect:
    if asked.effect:
        return asked.effect
    says_so = tool.annotations is not None and tool.annotations.read_only_hint is True
    return "read" if says_so else "external"


def _notice(source: _Source) -> str:
    losses = source.losses
    times = "once" if losses.count == 1 else f"{losses.count} times"
    end = f"; at last {losses.given_up}, and was given up" if losses.given_up else ""
    return f"{source.asked.title} was lost {times}{end}"
