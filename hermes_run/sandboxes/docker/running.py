"""One command in a container: followed to its end, within its bounds.

The engine does not say when a command is over. Its stream ends with the last process that holds
it, which may be sooner or much later, so the engine is asked again and again, more and more seldom.
"""

from __future__ import annotations

import anyio
import msgspec

from hermes_run.errors import ungrouped
from hermes_run.sandboxes.clip import Clip, feed
from hermes_run.sandboxes.docker.engine import Execution
from hermes_run.sandboxes.processes import FLOOD_BYTES, LINGER_S
from hermes_run.sandboxes.protocol import Command

HEADER_BYTES = 1000
"""The longest first line."""

SOON_S, SELDOM_S = 0.005, 1.0
"""How long to wait before the engine is asked again, at first and at last."""


class Output:
    """What a command writes, as it comes."""

    def __init__(self, execution: Execution, limit: int) -> None:
        self.execution = execution
        self.clip = Clip(limit)
        self.ended = anyio.Event()
        self._held = b""

    @property
    def flooded(self) -> bool:
        """Whether more came than is worth waiting for."""
        return self.clip.size > self.clip.limit + FLOOD_BYTES

    async def line(self) -> bytes:
        """Read the first line, which is not counted as output; at most :data:`HEADER_BYTES`."""
        while b"\n" not in self._held and len(self._held) < HEADER_BYTES:
            piece = await self.execution.read()
            if not piece:
                break
            self._held += piece
        line, _, self._held = self._held.partition(b"\n")
        return line[:HEADER_BYTES]

    async def drain(self) -> None:
        """Read to the end, or until it is a flood."""
        piece, self._held = self._held, b""
        while not self.flooded:
            self.clip = feed(self.clip, piece)
            piece = await self.execution.read()
            if not piece:
                break
        self.ended.set()


async def follow(output: Output, command: Command) -> int | None:
    """Wait for the end of a command and of what it writes; give its exit code.

    There is none where it is still running: at its time limit, or because it floods.

    Raises:
        SandboxError: the engine does not answer as it should.
    """
    codes: list[int] = []
    with ungrouped(), anyio.move_on_after(command.timeout_s):
        async with anyio.create_task_group() as group:
            group.start_soon(_stop_soon_after, output, codes, group.cancel_scope)
            await output.drain()
            if output.flooded:
                group.cancel_scope.cancel()
    return codes[0] if codes else None


async def exit_code(output: Output) -> int:
    """Wait for the end of a command, which is most often when it has no more to say."""
    pause = 20 * SOON_S
    while not output.ended.is_set():
        with anyio.move_on_after(pause):
            await output.ended.wait()
        if (code := await output.execution.exit_code()) is not None:
            return code
        pause = min(pause * 1.5, SELDOM_S)
    pause = SOON_S
    while (code := await output.execution.exit_code()) is None:
        await anyio.sleep(pause)
        pause = min(pause * 1.5, SELDOM_S)
    return code


async def _stop_soon_after(output: Output, codes: list[int], scope: anyio.CancelScope) -> None:
    codes.append(await exit_code(output))
    scope.deadline = anyio.current_time() + LINGER_S


class Said(msgspec.Struct, frozen=True):
    """What one of our own scripts answered."""

    code: int
    line: bytes


async def ask(execution: Execution) -> Said:
    """Run one of our own scripts to its end."""
    output = Output(execution, HEADER_BYTES)
    line = await output.line()
    await output.drain()
    return Said(code=await exit_code(output), line=line)
