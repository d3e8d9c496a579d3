"""What tests of the record share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from recorder.events import Event, SessionStarted, UserSpoke
from recorder.faulty import FaultyDisk
from recorder.messages import Message

TS = "2026-11-22T17:00:00.000Z"
PATIENCE_S = 20


@pytest.fixture
def disk() -> FaultyDisk:
    """Give a disk that fails when it is told to."""
    return FaultyDisk()


@pytest.fixture(scope="session")
def said() -> Callable[..., Event]:
    """Give what makes the event number *seq* of a session: the start, then user turns."""

    def make(seq: int, text: str = "", session: str = "s") -> Event:
        if seq == 0:
            return SessionStarted(session=session, seq=0, ts=TS, messages=(Message("user", text),))
        return UserSpoke(session=session, seq=seq, ts=TS, content=text or f"turn {seq}")

    return make


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Give what waits until something is true."""

    async def wait(is_true: Callable[[], object]) -> None:
        with anyio.fail_after(PATIENCE_S):
            while not is_true():
                await anyio.lowlevel.checkpoint()

    return wait
