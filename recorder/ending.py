"""Sessions that are cut short: whoever records one, it has an end and a row."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from recorder.recording import Recording
from recorder.session import Session

_END_S = 30.0
_NO_ROOM_S = 2.0
"""How long the end of a session may wait for a disk that is known to be full, in seconds."""


class Rows(Protocol):
    """Where the row of a session goes."""

    @property
    def paused(self) -> str | None:
        """Why facts or rows wait to be written, if they do."""
        ...

    async def finish(self, session: Session) -> None:
        """Append the row of a session that has ended and is durable."""
        ...


@asynccontextmanager
async def ending_what_fails(recording: Recording, rows: Rows) -> AsyncGenerator[None]:
    """End the session where the block fails after it recorded something of it.

    It ends as ``tool_error`` where the block raises, as ``interrupted`` where it is cancelled.
    """
    before = recording.session.seq
    try:
        yield
    except BaseException as error:
        if recording.session.seq > before:
            await _close(recording, rows, error)
        raise


async def _close(recording: Recording, rows: Rows, error: BaseException) -> None:
    """End the session and write its row; short, because somebody waits for *error*."""
    wait_s = _NO_ROOM_S if rows.paused else _END_S
    with anyio.move_on_after(wait_s, shield=True):
        try:
            if recording.session.ended is None:
                await _end(recording, error)
        finally:
            if recording.session.ended:  # also where a sink has raised
                await recording.durable()
                await rows.finish(recording.session)


async def _end(recording: Recording, error: BaseException) -> None:
    name = type(error).__name__
    if isinstance(error, Exception):
        await recording.end("tool_error", error=f"{name}: {error}")
    else:
        await recording.end("interrupted", reason="cancelled", error=name)
