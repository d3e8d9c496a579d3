"""Open the shelf of a run: read the file of toolsets and load what users bring."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread

from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.tools.sets_file import Sets, read_sets
from hermes_run.tools.shelf import Shelf, whole
from hermes_run.tools.stocking import Brought, make_shelf
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import TOOLSETS


@asynccontextmanager
async def open_shelf(settings: Settings, own: Iterable[Tool] = ()) -> AsyncGenerator[Shelf]:
    """Open the shelf of a run with *settings*, of which every prompt can get what it is to get.

    Args:
        settings: what is asked for.
        own: tools beside those that the settings name.

    Raises:
        UsageError: something can't be used; the text says what to type.
    """
    async with gather(settings, own) as shelf:
        whole(shelf)
        yield shelf


@asynccontextmanager
async def gather(settings: Settings, own: Iterable[Tool] = ()) -> AsyncGenerator[Shelf]:
    """Do what :func:`open_shelf` does, whether or not a run could use it.

    Raises:
        UsageError: something can't be read, loaded or started.
    """
    sets = await to_thread.run_sync(load_sets, settings.toolsets_file)
    yield make_shelf(settings, TOOLSETS, Brought(tuple(own), sets))


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
