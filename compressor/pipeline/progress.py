"""How far it has come, on standard error."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio

from compressor.pipeline.options import Progress
from compressor.report.words import shown as printable

_TICK_S = 0.5
_PLAIN_S = 10.0
_MB = 1e6


@dataclass
class Tally:
    """What was done so far; ``position`` of ``size`` bytes of the file as it lies on disk."""

    name: str = ""
    rows: int = 0
    over: int = 0
    failed: int = 0
    position: int = 0
    size: int = 0


def line(tally: Tally) -> str:
    """Say it in one line."""
    share = f"{tally.position / tally.size:.0%}" if tally.size else "100%"
    found = "".join(
        f", {count:,} {what}"
        for count, what in ((tally.over, "over budget"), (tally.failed, "failed"))
        if count
    )
    return f"{tally.name}: {share} of {tally.size / _MB:,.1f} MB, {tally.rows:,} rows{found}"


@asynccontextmanager
async def shown(tally: Tally, how: Progress) -> AsyncGenerator[None]:
    """Show *tally* while the block runs: on one line of a terminal, or a line now and then."""
    on_terminal = how == "auto" and sys.stderr.isatty()
    if not (on_terminal or how == "plain"):
        yield
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_on_terminal if on_terminal else _plainly, tally)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
            _write(f"\r{line(tally)}\x1b[K\n" if on_terminal else f"{line(tally)}\n")


def tell(text: str, how: Progress) -> None:
    """Say *text*, which may be of others, on a line of its own; nothing where none is wanted."""
    if how != "none":
        _write(f"\r\x1b[K{printable(text)}\n" if sys.stderr.isatty() else f"{printable(text)}\n")


async def _on_terminal(tally: Tally) -> None:
    while True:
        _write(f"\r{line(tally)}\x1b[K")
        await anyio.sleep(_TICK_S)


async def _plainly(tally: Tally) -> None:
    while True:
        await anyio.sleep(_PLAIN_S)
        _write(f"{line(tally)}\n")


def _write(text: str) -> None:
    with suppress(OSError):  # nobody reads it
        sys.stderr.write(text)
        sys.stderr.flush()
