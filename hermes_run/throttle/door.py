"""Waiting for leave to ask: a gate decides, and here is who waits for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from hermes_run.brake import Brake
from hermes_run.errors import NotAskedError
from hermes_run.failure import Failure
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Permit
from hermes_run.throttle.notices import Notices, take_all
from hermes_run.throttle.queue import Waiter
from hermes_run.throttle.told import Heard
from recorder.beside import beside
from recorder.messages import Usage


class Door(Protocol):
    """Lets attempts through when their time has come, and is told how each went.

    ``weighs`` says whether the size of a request matters to anybody.
    """

    @property
    def weighs(self) -> bool:
        """Whether tokens are counted."""
        ...

    async def enter(self, session: str, size: int) -> Permit:
        """Wait for leave to send *size* bytes.

        Raises:
            NotAskedError: the run is stopping.
        """
        ...

    def answered(self, session: str, permit: Permit, usage: Usage | None) -> None:
        """Note a good answer."""
        ...

    async def failed(self, permit: Permit, failure: Failure) -> Failure:
        """Note an attempt that failed; gives the failure as it is for the session."""
        ...

    def given_up(self, permit: Permit) -> None:
        """Note an attempt that was cancelled."""
        ...


class OwnDoor:
    """The door of a gate in this process; made by :func:`open_door`."""

    def __init__(self, gate: Gate, brake: Brake, notices: Sequence[Notices | None] = ()) -> None:
        self.gate = gate
        self._brake = brake
        self._notices = notices
        self._tending = anyio.CancelScope()
        self._alarm = anyio.CancelScope()

    @property
    def weighs(self) -> bool:
        """Whether tokens are counted at any endpoint."""
        return any(lane.tokens for lane in self.gate.lanes)

    async def enter(self, session: str, size: int) -> Permit:
        """Wait for leave to send *size* bytes, see :meth:`Door.enter`."""
        waiter = self.ask(session, size)
        if not waiter.woken.is_set():
            try:
                await waiter.woken.wait()
            except BaseException:
                self.withdraw(waiter)
                raise
        if waiter.permit is None:
            raise NotAskedError("the run is stopping")
        return waiter.permit

    def ask(self, session: str, size: int) -> Waiter:
        """Ask for leave to send *size* bytes; what is given has it, or will be woken."""
        self._listen()
        waiter = self.gate.ask(session, size, anyio.current_time())
        if not waiter.woken.is_set():
            self._set_alarm()
        return waiter

    def withdraw(self, waiter: Waiter) -> None:
        """Let somebody wait no more, maybe with leave that came too late."""
        self.gate.withdraw(waiter, anyio.current_time())
        self._set_alarm()

    def answered(self, session: str, permit: Permit, usage: Usage | None) -> None:
        """Note a good answer."""
        self._listen()
        self.gate.answered(session, permit, usage, anyio.current_time())
        self._set_alarm()

    async def failed(self, permit: Permit, failure: Failure) -> Failure:
        """Note an attempt that failed; gives the failure as it is for the session."""
        return self.judged(permit, failure)

    def judged(self, permit: Permit, failure: Failure) -> Failure:
        """Do what :meth:`failed` does, at once."""
        self._listen()
        failure = self.gate.failed(permit, failure, anyio.current_time())
        self._set_alarm()
        return failure

    def given_up(self, permit: Permit) -> None:
        """Note an attempt that was cancelled."""
        self.gate.given_up(permit, anyio.current_time())
        self._set_alarm()

    def heard(self, lane: int, said: Heard) -> None:
        """Note what an endpoint told of its rates."""
        self.gate.heard(lane, said, anyio.current_time())
        self._set_alarm()

    async def tend(self) -> None:
        """Serve those who wait when their time has come, and free them when the run stops."""
        with self._tending:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_time)
                tasks.start_soon(self._heed)

    def close(self) -> None:
        """Tend no more: nobody waits."""
        self._tending.cancel()

    def _listen(self) -> None:
        for lane, heard in take_all(self._notices):
            self.gate.heard(lane, heard, anyio.current_time())

    def _set_alarm(self) -> None:
        due = self.gate.due(anyio.current_time())
        if due != self._alarm.deadline:
            self._alarm.deadline = due

    async def _keep_time(self) -> None:
        while True:
            with anyio.CancelScope(deadline=self.gate.due(anyio.current_time())) as self._alarm:
                await anyio.sleep_forever()
            self._listen()
            self.gate.serve(anyio.current_time())

    async def _heed(self) -> None:
        await self._brake.wait()
        self.gate.stop()


@asynccontextmanager
async def open_door(
    gate: Gate, brake: Brake, notices: Sequence[Notices | None] = ()
) -> AsyncGenerator[OwnDoor]:
    """Open the door of *gate*.

    Args:
        gate: gives leave to ask.
        brake: who waits when it is pulled asks nothing more.
        notices: what the endpoints say of their rates, for each lane of the gate.
    """
    door = OwnDoor(gate, brake, notices)
    async with beside(door.tend):
        try:
            yield door
        finally:
            door.close()
