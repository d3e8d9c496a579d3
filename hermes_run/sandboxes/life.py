"""One life of a session's processes: from the start of a supervisor to the end of all of them.

A life ends when the session is closed, when it is told to (a bound of the sandbox was passed), and
when its supervisor is gone or answers no more, which commands can bring about. Then all that runs
is killed, and what was called is told.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator

import anyio

from hermes_run.sandboxes.call import Call
from hermes_run.sandboxes.channel import Channel
from hermes_run.sandboxes.control import Control
from hermes_run.sandboxes.ending import end_processes
from hermes_run.sandboxes.keeper import Keeper
from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.processes import START_S, read_away
from hermes_run.sandboxes.reports import LINE_BYTES, Report, read_reports
from hermes_run.sandboxes.starting import start
from hermes_run.sandboxes.wall import Allowance

ANSWER_S = 10.0
"""How long the supervisor may take to kill what it is told to."""

AGAIN_S = 0.5
"""How soon it is told again: what has only just started may not hear the first time."""

LAST_S = 1.0
"""How long what was killed may take to be gone, before it counts as such."""

READ_BYTES = 4096
"""So much of the reports is read at a time: what is longer is not from the supervisor."""

NOISE_S = 0.01
"""How long nothing is read after something that is no report."""

NOISE_BYTES = 65_536
"""So much that is no report, and the supervisor is not believed any more."""

SAID_BYTES = 2000

IDLE = 4
"""So many keepers wait for the next command; what more there are leave after theirs."""

CLOSED = "the sandbox was closed"
KILLED = "every process of the session was killed; its files are still there"
SILENT = "the session's processes no longer answered and were killed; its files are still there"


class Life:
    """A supervisor that was started, and what it runs."""

    def __init__(
        self, launch: Launch, allowance: Allowance, control: Control, numbers: Iterator[int]
    ) -> None:
        """Start the supervisor; its keepers get *numbers* that no other one's have.

        Raises:
            OSError: that is not possible.
        """
        self._channel = Channel(control)
        try:
            started = start(launch, allowance, self._channel.name)
        except OSError:
            self._channel.close()
            raise
        self._process, self._held, self._words = started
        self._ear = self._words
        self.reason: str | None = None
        self.said = b""
        self.settled, self.over = anyio.Event(), anyio.Event()
        self._control = control
        self._numbers = numbers
        self._idle: list[Keeper] = []
        self._calls: dict[int, Call] = {}
        self._kept: dict[int, Call] = {}
        self._groups: dict[int, anyio.Event] = {}
        self._scope = anyio.CancelScope()
        self._left, self._rest, self._noise = False, b"", 0

    @property
    def leader(self) -> int:
        """The process that was started; it leads a session, in the system's sense."""
        return self._process.pid

    @property
    def goes_on(self) -> bool:
        """Whether more can be started in it."""
        return self.reason is None and not self._left and self._channel.requests >= 0

    async def live(self) -> None:
        """Hear the supervisor until it is gone; then end all that is left."""
        try:
            await self._live()
        finally:  # whatever failed: who waits for the end is not left waiting
            self._finish(CLOSED)
            self.over.set()

    async def _live(self) -> None:
        with contextlib.closing(self._channel), contextlib.ExitStack() as ends:
            ends.callback(os.close, self._words)
            try:
                with self._scope:
                    await self._hear()
                    self.stop(KILLED)
            finally:
                os.close(self._held)
                self._channel.end_requests()
                while self._idle:
                    self._idle.pop().close()
                with anyio.CancelScope(shield=True):  # it has limits of its own
                    await end_processes(self._process, kill=self.reason is not None)
                    await self._hear_the_last()

    async def leave(self) -> None:
        """End everything as a session ends."""
        self._left = True
        self._scope.cancel()
        await self.over.wait()

    def stop(self, reason: str) -> None:
        """Kill everything; what is running is told *reason*."""
        self._finish(reason)
        self._scope.cancel()

    def _finish(self, reason: str) -> None:
        self.reason = self.reason or reason
        for call in self._calls.values():
            call.stop(self.reason)
        for event in self._groups.values():
            event.set()
        self.settled.set()

    async def is_ready(self) -> bool:
        """Tell whether the supervisor has started."""
        with anyio.move_on_after(START_S):
            await self.settled.wait()
        if not self.settled.is_set():
            self.stop(SILENT)
        return self.reason is None

    @contextlib.contextmanager
    def calling(self, call: Call) -> Generator[None]:
        """Start a command, and forget it at the end.

        Raises:
            OSError: there is no way to tell anybody to start it.
        """
        keeper = self._told(call)
        self._calls[call.number] = self._kept[keeper.number] = call
        call.keeper = keeper.number
        try:
            if self.reason is not None:
                call.stop(self.reason)
            yield
        finally:
            del self._calls[call.number], self._kept[keeper.number]
            if self.goes_on and call.ended and len(self._idle) < IDLE:
                self._idle.append(keeper)
            else:
                keeper.close()

    def _told(self, call: Call) -> Keeper:
        """Give the keeper that was told of a call; those that take nothing any more are let go.

        Where commands can fill a FIFO, they may have filled that of a new one, too.
        """
        while self._idle:
            keeper = self._idle.pop()
            if keeper.send(call.number):
                return keeper
            keeper.close()
        keeper = self._grow()
        if self.reason is None and not keeper.send(call.number):
            self.stop(KILLED)
        return keeper

    def _grow(self) -> Keeper:
        keeper = Keeper(self._control, next(self._numbers))
        self._send("grow", keeper.number)
        return keeper

    def ask(self, call: Call) -> None:
        """Ask whether a command is still looked after; who did not answer before never will."""
        if call.asked:
            self.stop(SILENT)
        else:
            call.asked = True
            self._send("ask", call.keeper)

    async def kill(self, call: Call) -> None:
        """Kill a command with its group; where that can't be done, everything."""
        call.killed = True
        call.told = anyio.Event()
        await self._insist("kill", call.keeper, call.told)

    def keep_group(self, group: int) -> None:
        """Let what is left of a command go on until the session ends."""
        self._send("keep", group)

    async def end_group(self, group: int) -> None:
        """Kill what is left of a command that has ended; where that can't be done, everything."""
        self._groups[group] = anyio.Event()
        try:
            await self._insist("end", group, self._groups[group])
        finally:
            del self._groups[group]

    def _send(self, verb: str, number: int) -> None:
        """Send a request; a supervisor that can't take it is done with."""
        if self._left:
            return
        try:
            os.write(self._channel.requests, b"%s %d\n" % (verb.encode(), number))
        except OSError:
            self.stop(KILLED)

    async def _insist(self, verb: str, number: int, told: anyio.Event) -> None:
        """Send a request until it was heeded."""
        with anyio.move_on_after(ANSWER_S, shield=True):
            while self.reason is None and not told.is_set():
                self._send(verb, number)
                with anyio.move_on_after(AGAIN_S):
                    await told.wait()
        if not told.is_set():
            self.stop(SILENT)

    async def _hear(self) -> None:
        while self._noise <= NOISE_BYTES:
            await anyio.wait_readable(self._ear)
            chunk = read_away(self._ear, READ_BYTES)
            if chunk == b"":
                return
            before = self._noise
            self._take(chunk or b"")
            if self._noise > before:
                await anyio.sleep(NOISE_S)

    async def _hear_the_last(self) -> None:
        """Wait until nobody is left who could report: behind a wall, the last die a bit later."""
        with anyio.move_on_after(LAST_S):
            await self._hear()

    def _take(self, chunk: bytes) -> None:
        heard = read_reports(self._rest + chunk)
        self._rest = heard.rest
        self._noise += len(heard.noise)
        self.said = (self.said + heard.noise)[-SAID_BYTES:]
        for report in heard.reports:
            if not self._heed(report):
                self._noise += LINE_BYTES

    def _heed(self, report: Report) -> bool:
        """Act on a report; tell whether one was to be expected."""
        if report.verb in ("begun", "ready"):
            return self._heed_start(report)
        if report.verb == "gone":
            return self._heed_gone(report.number)
        if report.verb == "ended":
            return self._heed_end(report)
        return self._heed_keeper(report)

    def _heed_start(self, report: Report) -> bool:
        is_due = self.goes_on and not self.settled.is_set()
        if is_due and report.verb == "ready":
            self._ear = self._channel.reports
            self._channel.seal()
            self.settled.set()
        return is_due

    def _heed_gone(self, group: int) -> bool:
        told = self._groups.get(group)
        if told is None or told.is_set():
            return False
        told.set()
        return True

    def _heed_end(self, report: Report) -> bool:
        call = self._calls.get(report.number)
        if call is None or call.told.is_set():
            return False
        call.end(report.code, report.group)
        return True

    def _heed_keeper(self, report: Report) -> bool:
        """Hear whether a keeper is there; without it nobody knows how its command ends."""
        call = self._kept.get(report.number)
        if call is None or call.told.is_set():
            return False
        if report.verb == "lost" and (call.asked or call.killed):
            self.stop(KILLED)
        elif not call.asked:
            return False
        call.asked = False
        return True
