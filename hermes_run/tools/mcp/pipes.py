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
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
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

REAP_S = 1.0
"""How long the end of a program, and its last words, are waited for, in seconds."""

_GONE = (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,80}")')
_ID_WITHIN = 200
"""How many bytes from either end of a message its id is looked for."""


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
        process = await _start(line)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        try:
            heard = anyio.Event()
            tasks.start_soon(_hear, process, line, heard)
            tasks.start_soon(_read, process, line, send_in, heard)
            tasks.start_soon(_write, process, line, receive_out)
            yield incoming, outgoing
        finally:
            incoming.close()
            outgoing.close()
            with anyio.CancelScope(shield=True):  # every wait in it has its own limit
                await _end(process)
            tasks.cancel_scope.cancel()


async def _start(line: Line) -> Process:
    asked = line.asked
    environment = {**get_default_environment(), **asked.env}
    program = shutil.which(asked.command[0], path=environment.get("PATH"))
    if program is None and asked.cwd:
        program = shutil.which(os.path.join(asked.cwd, asked.command[0]))  # noqa: PTH118 - ./name
    if program is None:
        raise LostError(f"there is no program {asked.command[0]!r}")
    if asked.cwd and not await anyio.Path(asked.cwd).is_dir():
        raise LostError(f"there is no folder {asked.cwd!r} for cwd")
    # Shielded: half a start leaves a process that nobody knows of.
    try:
        with anyio.fail_after(LEAVE_S * 5, shield=True):
            process = await anyio.open_process(
                [program, *asked.command[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=asked.cwd,
                env=environment,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise LostError(f"it can't be started: {error}") from error
    return process


async def _hear(process: Process, line: Line, heard: anyio.Event) -> None:
    """Take in the standard error to its end."""
    with contextlib.suppress(*_GONE, anyio.EndOfStream):
        while process.stderr:
            line.complain(await process.stderr.receive())
    heard.set()


async def _read(
    process: Process,
    line: Line,
    messages: MemoryObjectSendStream[SessionMessage | Exception],
    heard: anyio.Event,
) -> None:
    """Hand over every message; the connection is lost when there are no more."""
    with contextlib.suppress(*_GONE):
        async for text in _lines(process.stdout):
            if message := _message(text, line):
                await messages.send(message)
    with anyio.move_on_after(REAP_S):
        await heard.wait()
        await process.wait()
    line.lose(f"{_fate(process)}{line.last_words()}")
    messages.close()


async def _write(
    process: Process, line: Line, messages: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    with contextlib.suppress(*_GONE):
        async for each in messages:
            text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            await _pipe(process).send(text.encode() + b"\n")
        return
    # A program that closed its input may live on, and would never answer.
    with anyio.move_on_after(REAP_S):
        await line.lost.wait()
    line.lose(f"it takes no more requests{line.last_words()}")


def _pipe(process: Process) -> ByteSendStream:
    if process.stdin is None:  # never: it was started with one
        raise anyio.ClosedResourceError
    return process.stdin


class _Text(msgspec.Struct, frozen=True):
    """A line; of one that is too long, its two ends."""

    content: bytes
    whole: bool = True


async def _lines(stream: ByteReceiveStream | None) -> AsyncIterator[_Text]:
    """Give the lines of *stream* as they come, each within the bound."""
    head, kept = b"", bytearray()
    with contextlib.suppress(anyio.EndOfStream):
        while stream:
            *ends, rest = (await stream.receive()).split(b"\n")
            for part in ends:
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


async def _end(process: Process) -> None:
    """Let the program end as it wants, then ask it to, then make it; its whole group goes."""
    with contextlib.suppress(*_GONE):
        await _pipe(process).aclose()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with anyio.move_on_after(LEAVE_S if process.returncode is None else 0):
            await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    with anyio.move_on_after(LEAVE_S):
        await process.wait()
    for stream in filter(None, (process.stdout, process.stderr)):
        with contextlib.suppress(*_GONE):
            await stream.aclose()
    _let_go(process)


def _let_go(process: Process) -> None:
    """Close the event loop's own end of pipes that somebody out of reach still holds."""
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if close := getattr(transport, "close", None):
        with contextlib.suppress(PermissionError):
            close()
