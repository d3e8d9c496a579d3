"""Open the shelf of a run: read the file of toolsets, start servers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from anyio import to_thread

from hermes_run.config import Settings
from hermes_run.errors import UsageError, ungrouped
from hermes_run.tools.mcp.servers import Servers, open_servers
from hermes_run.tools.sets_file import Sets, read_sets
from hermes_run.tools.shelf import Shelf, whole
from hermes_run.tools.stocking import Brought, make_shelf
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import TOOLSETS


class Stock(msgspec.Struct, frozen=True):
    """A shelf, and the servers behind it where there are any."""

    shelf: Shelf
    servers: Servers | None = None

    def notices(self) -> list[str]:
        """Say which servers were lost so far."""
        return self.servers.notices() if self.servers else []


@asynccontextmanager
async def open_stock(
    settings: Settings, own: Iterable[Tool] = (), folder: Path | None = None
) -> AsyncGenerator[Stock]:
    """Open all that a run with *settings* may use, until the block is left.

    Every prompt that names nothing itself can get what it is to get.

    Args:
        settings: what is asked for.
        own: the tools of one's own, loaded.
        folder: where programs of servers run; by default the current one.

    Raises:
        UsageError: something can't be used; the text says what to type.
    """
    async with gather(settings, own, folder) as stock:
        whole(stock.shelf)
        yield stock


@asynccontextmanager
async def gather(
    settings: Settings, own: Iterable[Tool] = (), folder: Path | None = None
) -> AsyncGenerator[Stock]:
    """Do what :func:`open_stock` does, whether or not a run could use it.

    Raises:
        UsageError: something can't be read or started.
    """
    sets = await to_thread.run_sync(load_sets, settings.toolsets_file)
    tools = tuple(own)
    async with AsyncExitStack() as stack:
        servers: Servers | None = None
        if settings.mcp is not None:
            stack.enter_context(ungrouped())
            taken = [tool.name for each in TOOLSETS.values() for tool in each.tools]
            taken += [tool.name for tool in tools]
            opening = open_servers(settings.mcp, taken, folder)
            servers = await stack.enter_async_context(opening)
        yield Stock(make_shelf(settings, TOOLSETS, Brought(tools, sets, servers or {})), servers)


def load_sets(path: Path | None) -> Sets:
    """Read a file of toolsets and distributions, if there is one.

    Raises:
        UsageError: it can't be read, or something in it is wrong.
    """
    if path is None:
        return Sets()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"--toolsets-file {path} is not UTF-8: {error}") from error
    except OSError as error:
        raise UsageError(f"--toolsets-file {path} can't be read: {error.strerror}") from error
    return read_sets(text, str(path))
