"""A model around others: each attempt waits for leave to ask, and goes to one of the endpoints."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
import msgspec

from hermes_run.brake import Brake
from hermes_run.errors import EndpointError, NotAskedError
from hermes_run.models.protocol import Model, Reply, Request
from hermes_run.throttle.door import Door, OwnDoor, open_door
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Permit
from hermes_run.throttle.notices import Notices

DoorT = TypeVar("DoorT", bound=Door)


class Way(msgspec.Struct, frozen=True):
    """A client, the name its endpoint has for the model where that is another, and its notices."""

    model: Model
    notices: Notices | None = None
    name: str | None = None


@asynccontextmanager
async def open_throttled(
    ways: Sequence[Way], gate: Gate, brake: Brake
) -> AsyncGenerator[Throttled[OwnDoor]]:
    """Let requests pass *gate* on their way to the endpoints; one way for each of its lanes.

    Args:
        ways: the clients.
        gate: gives leave to ask.
        brake: who waits when it is pulled asks nothing more.
    """
    async with open_door(gate, brake, [way.notices for way in ways]) as door:
        yield Throttled(ways, door)


class Throttled(Generic[DoorT]):
    """Holds leave to ask for the time of an attempt.

    Args:
        ways: the clients, one for each endpoint that *door* lets through to.
        door: gives leave to ask.
    """

    def __init__(self, ways: Sequence[Way], door: DoorT) -> None:
        self.door = door
        self._ways = ways

    async def reply(self, request: Request) -> Reply:
        """Give the reply to *request*; see :class:`hermes_run.models.protocol.Model`."""
        asked = anyio.current_time()
        permit = await self._enter(request)
        try:
            reply = await self._asked(request, permit)
        except EndpointError as error:
            failure = msgspec.structs.replace(error.failure, probe=permit.probe)
            raise EndpointError(await self.door.failed(permit, failure)) from error
        except BaseException:
            if request.held and permit.began - asked > anyio.current_time() - permit.began:
                request.held.set()
            self.door.given_up(permit)
            raise
        self.door.answered(request.session, permit, reply.usage)
        return reply

    async def _enter(self, request: Request) -> Permit:
        """Wait for leave to ask.

        Raises:
            NotAskedError: the run is stopping.
        """
        try:
            return await self.door.enter(request.session, self._size(request))
        except NotAskedError:
            raise
        except BaseException:
            if request.held:
                request.held.set()
            raise

    async def _asked(self, request: Request, permit: Permit) -> Reply:
        way = self._ways[permit.lane]
        if way.name is not None:
            request = msgspec.structs.replace(request, model=way.name)
        return await way.model.reply(request)

    def _size(self, request: Request) -> int:
        """Bytes of a request, where that matters to anybody."""
        if not self.door.weighs:
            return 0
        return sum(map(len, request.messages)) + len(request.tools)
