"""Talk to a server that is a program of ours, through its standard input and output.

A message is a line of JSON. What is no message is passed over, what is too long is answered with
an error in the server's stead, and none of it costs more memory than one message may have.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from io import FileIO
from typing import TypeAlias

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import CONNECTION_CLOSED, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from hermes_run.tools.mcp.line import MESSAGE_BYTES, Line, LostError

Incoming: TypeAlias = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing: TypeAlias = MemoryObjectSendStream[SessionMessage]

LEAVE_S = 2.0
"""How long a server may take to end by itself, and again once it was asked to, in seconds."""

START_S = 60.0
"""How long the machine may take to start a program, in seconds."""

LINGER_S = 0.25
"""How long what a program left behind may still write once it has ended itself, in seconds."""

CHUNK = 65_536

REAP_S = 5.0
"""How long the end of a program, and its last words, are waited for, in seconds.

Who closed its pipes has nearly always ended, and how is worth knowing; a busy machine is slow.
"""

_ID = re.compile(rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,80}")')
_ID_WITHIN = 200
"""How many bytes from either end of a message its id is looked for."""


class _Ends(msgspec.Struct, frozen=True):
    """Our ends of the three pipes, and the program's."""

    stdin: FileIO
    stdout: FileIO
    stderr: FileIO
    theirs: tuple[FileIO, FileIO, FileIO]


@asynccontextmanager
async def open_pipes(line: Line) -> AsyncGenerator[tuple[Incoming, Outgoing]]:
    """Start the program that *line* is to, and end it and its children when the block is left.

    Raises:
        LostError: the program can't be started.
    """
    send_in, incoming = anyio.create_memory_object_stream[SessionMessage | Exception]()
    outgoing, receive_out = anyio.create_memory_object_stream[SessionMessage]()
    async with contextlib.AsyncExitStack() as stack:
        for stream in (send_in, incoming, outgoing, receive_out):
            stack.enter_context(stream)
        ends = _open_ends(stack)
        process = await _start(line, ends)
        stack.push_async_callback(_end, process, ends)
        async with anyio.create_task_group() as tasks:
            heard = anyio.Event()
            tasks.start_soon(_hear, ends, line, heard)
            tasks.start_soon(_write, ends, line, receive_out)
            tasks.start_soon(_read, process, ends, line, send_in, heard)
            try:
                yield incoming, outgoing
            finally:
                tasks.cancel_scope.cancel()


def _open_ends(stack: contextlib.AsyncExitStack) -> _Ends:
    """Open three pipes.

    They are not the event loop's own: there, some versions wait for children that hold a pipe
    before they believe that a program has ended, and a write to nobody is no error.
    """
    files: list[FileIO] = []
    try:
        for _ in range(3):
            files += [
                stack.enter_context(FileIO(end, mode))
                for end, mode in zip(os.pipe(), "rw", strict=True)
            ]
    except OSError as error:
        raise LostError(f"it can't be started: {error}") from error
    read_in, stdin, stdout, write_out, stderr, write_err = files
    for end in (stdin, stdout, stderr):
        os.set_blocking(end.fileno(), False)
    return _Ends(stdin, stdout, stderr, (read_in, write_out, write_err))


async def _start(line: Line, ends: _Ends) -> Process:
    asked = line.asked
    environment = {**get_default_environment(), **asked.env}
    program = shutil.which(asked.command[0], path=environment.get("PATH"))
    if program is None and asked.cwd:
        program = shutil.which(os.path.join(asked.cwd, asked.command[0]))  # noqa: PTH118 - ./name
    if program is None:
        raise LostError(f"there is no program {asked.command[0]!r}")
    if asked.cwd and not await anyio.Path(asked.cwd).is_dir():
        raise LostError(f"there is no folder {asked.cwd!r} for cwd")
    stdin, stdout, stderr = (end.fileno() for end in ends.theirs)
    try:
        # Shielded: half a start leaves a process that nobody knows of.
        with anyio.fail_after(START_S, shield=True):
            process = await anyio.open_process(
                [program, *asked.command[1:]],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=asked.cwd,
                env=environment,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise LostError(f"it can't be started: {error}") from error
    for end in ends.theirs:
        end.close()  # so that the pipes end with the program
    return process


async def _hear(ends: _Ends, line: Line, heard: anyio.Event) -> None:
    """Take in the standard error to its end."""
    async for chunk in _chunks(ends.stderr):
        line.complain(chunk)
    line.complain(b"")
    heard.set()


async def _read(
    process: Process,
    ends: _Ends,
    line: Line,
    messages: MemoryObjectSendStream[SessionMessage | Exception],
    heard: anyio.Event,
) -> None:
    """Hand over all messages; the connection is lost when there are no more."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_soon_after, process, tasks.cancel_scope)
        await _hand_over(ends, line, messages)
        tasks.cancel_scope.cancel()
    with anyio.move_on_after(REAP_S):
        await process.wait()
        await heard.wait()
    line.lose(f"{_fate(process)}{line.last_words()}")
    messages.close()


async def _hand_over(
    ends: _Ends, line: Line, messages: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for text in _lines(ends.stdout):
            if message := _message(text, line):
                await messages.send(message)


async def _stop_soon_after(process: Process, scope: anyio.CancelScope) -> None:
    """Let a pipe that a child holds not outlive its program for long."""
    await process.wait()
    scope.deadline = anyio.current_time() + LINGER_S


async def _write(
    ends: _Ends, line: Line, messages: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    try:
        async for each in messages:
            text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            await _send(ends.stdin, text.encode() + b"\n")
    except OSError:
        # It is dead, which its output tells with more words, or lives on and would never answer.
        with anyio.move_on_after(REAP_S):
            await line.lost.wait()
        line.lose(f"it takes no more requests{line.last_words()}")


async def _send(end: FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        await anyio.wait_writable(end)
        left = left[os.write(end.fileno(), left) :]


async def _chunks(end: FileIO) -> AsyncIterator[bytes]:
    """Give what comes through a pipe, to its end."""
    while True:
        await anyio.wait_readable(end)
        chunk = os.read(end.fileno(), CHUNK)
        if not chunk:
            return
        yield chunk


class _Text(msgspec.Struct, frozen=True):
    """A line; of one that is too long, its two ends."""

    content: bytes
    whole: bool = True


async def _lines(end: FileIO) -> AsyncIterator[_Text]:
    """Give the lines that come through a pipe, each within the bound."""
    head, kept = b"", bytearray()
    async for chunk in _chunks(end):
        *parts, rest = chunk.split(b"\n")
        for part in parts:
            kept += part
            yield _Text(head + bytes(kept), whole=not head and len(kept) <= MESSAGE_BYTES)
            head, kept = b"", bytearray()
        kept += rest
        if head or len(kept) > MESSAGE_BYTES:
            head = head or bytes(kept[:_ID_WITHIN])
            del kept[:-_ID_WITHIN]


def _message(text: _Text, line: Line) -> SessionMessage | None:
    """Read one line; an answer that is too long becomes an error with its id."""
    content = text.content
    if not content.strip():
        return None
    if not text.whole:
        line.stray(f"a message of more than {MESSAGE_BYTES} bytes")
        found = _ID.search(content[:_ID_WITHIN]) or _ID.search(content[-_ID_WITHIN:])
        return _too_long(found[1]) if found else None
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(content, by_name=False))
    except ValidationError:
        line.stray(f"what is no message: {content[:200].decode('utf-8', 'replace')}")
        return None


def _too_long(number: bytes) -> SessionMessage:
    request = number.decode("utf-8", "replace")
    why = f"the answer has more than {MESSAGE_BYTES} bytes, which is too long to be read"
    return SessionMessage(
        JSONRPCError(
            jsonrpc="2.0",
            id=int(request) if request.isdigit() else request.strip('"'),
            error=ErrorData(code=CONNECTION_CLOSED, message=why),
        )
    )


def _fate(process: Process) -> str:
    code = process.returncode
    if code is None:
        return "it closed its output"
    if code < 0:
        return f"it was killed by signal {-code}"
    return f"it ended with exit code {code}"


async def _end(process: Process, ends: _Ends) -> None:
    """Let the program end as it wants, then ask it to, then make it; its whole group goes."""
    for end in (ends.stdin, ends.stdout, ends.stderr):
        end.close()
    with anyio.CancelScope(shield=True):  # every wait in it has its own limit
        for number in (signal.SIGTERM, signal.SIGKILL):
            with anyio.move_on_after(LEAVE_S):
                await process.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        with anyio.move_on_after(REAP_S):
            await process.wait()
