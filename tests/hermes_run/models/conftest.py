"""A real endpoint on 127.0.0.1 that misbehaves in the way its model's name says."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import repeat
from typing import Any

import anyio
import anyio.from_thread
import msgspec
import pytest
from aiohttp import web

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 16},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
DONE = b"data: [DONE]\n\n"
FOREVER_S = 3600.0


class Behaviour(msgspec.Struct, frozen=True):
    """What comes: pieces of a body, then its end, or something else.

    ``then`` is ``end``, ``hang``, ``reset``, ``cut`` (the connection closes inside the body) or
    bytes to send again and again; without ``pieces`` the last three happen before any answer.
    """

    pieces: tuple[bytes, ...] = ()
    then: str | bytes = "end"
    status: int = 200
    headers: dict[str, str] = {}


class Endpoint(msgspec.Struct, frozen=True):
    """The running server: its address, one where nobody listens, and what it was sent."""

    url: str
    closed_url: str
    raw_url: str
    bodies: list[dict[str, Any]]
    headers: list[dict[str, str]]


def event(delta: Any = None, finish: Any = None, **fields: Any) -> bytes:
    """Make one event of a stream: a chunk whose only choice has *delta*."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "chatcmpl-1", "model": "real-name", "choices": choices, **fields}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def end(reason: str = "stop") -> bytes:
    """End a stream as servers should."""
    return event({}, reason) + event(None, usage=USAGE) + DONE


def stream(*deltas: Any, reason: str = "stop") -> Behaviour:
    """Make a whole stream, one piece a delta."""
    return Behaviour(
        (event({"role": "assistant", "content": ""}), *map(event, deltas), end(reason))
    )


def whole(message: dict[str, Any], **fields: Any) -> Behaviour:
    """Make a completion that comes as one document."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    document = {"id": "1", "model": "real-name", "choices": [choice], "usage": USAGE, **fields}
    return document_of(document)


def document_of(document: Any, status: int = 200, **headers: str) -> Behaviour:
    """Answer with JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Behaviour((json.dumps(document).encode(),), status=status, headers=named)


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> Behaviour:
    """Answer with an error object."""
    return document_of({"error": {"message": message, "code": code}}, status, **headers)


def call(index: Any, call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Make a delta with one piece of one call."""
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function}]}


def cut_up(body: bytes, size: int) -> Behaviour:
    """Send *body* in pieces of *size* bytes, wherever that cuts."""
    return Behaviour(tuple(body[at : at + size] for at in range(0, len(body), size)))


HI, BYE = event({"content": "Hel"}), event({"content": "lo"})
GOOD = HI + BYE + end()
WIDE = 'data: {"choices":[{"delta":{"content":"é😀"}}]}\n\n'.encode()
HTML = b"<!DOCTYPE html><html><title>Welcome to nginx!</title></html>"

BEHAVIOURS: dict[str, Behaviour] = {
    "good": stream({"content": "Hel"}, {"content": "lo"}),
    "good-whole": whole({"role": "assistant", "content": "Hello"}),
    "calls-in-pieces": stream(
        call(0, "a", "look", ""),
        call(0, None, None, '{"at"'),
        call(1, "b", "find", '{"for'),
        call(0, None, None, ": 1}"),
        call(1, None, None, '": 2}'),
        reason="tool_calls",
    ),
    "whole-call": stream(call(0, "a", "look", '{"at": 1}'), reason="tool_calls"),
    "no-ids": stream(call(0, None, "look", "{}"), call(1, "", "find", "{}")),
    "repeated-ids": stream(call(0, "a", "look", "{}"), call(1, "a", "find", "{}")),
    "one-index": stream(call(0, "a", "look", "{}"), call(0, "b", "find", "{}")),
    "reasoning-content": stream({"reasoning_content": "Hm"}, {"content": "Hello"}),
    "reasoning": stream({"reasoning": "Hm"}, {"content": "Hello"}),
    "reasoning-details": stream(
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "H"}]},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "m"}]},
        {"content": "Hello"},
    ),
    "reasoning-parts": stream(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
        {"content": [{"type": "text", "text": "Hello"}]},
    ),
    "no-usage": Behaviour((HI, BYE, event({}, "stop"), DONE)),
    "no-done": Behaviour((HI, BYE, event({}, "stop"))),
    "refusal": stream({"refusal": "I can't."}),
    "filtered": stream({"content": "Hel"}, reason="content_filter"),
    "too-long": stream({"content": "Hello"}, reason="length"),
    "thought-too-long": stream({"reasoning": "Hm"}, reason="length"),
    "surrogates": stream({"content": "\ud83d"}, {"content": "\ude00 and \ud800"}),
    "huge-chunk": stream({"content": "x" * 3_000_000}),
    "cut-in-characters": cut_up(WIDE + end(), 1),
    "cut-in-line-ends": cut_up(GOOD.replace(b"\n", b"\r\n"), 3),
    "carriage-returns": Behaviour((GOOD.replace(b"\n", b"\r"),)),
    "gzip": Behaviour((gzip.compress(GOOD),), headers={"Content-Encoding": "gzip"}),
    "blank-lines-first": Behaviour((b"\n\n", b"\n", *whole({"content": "Hello"}).pieces)),
    "never-closes": Behaviour((GOOD,), "hang"),
    "talks-on": Behaviour((GOOD,), b": and on\n\n"),
    "cut-after-finish": Behaviour((HI, BYE, event({}, "stop")), "cut"),
    "silent-after-finish": Behaviour((HI, BYE, event({}, "stop")), "hang"),
    # from here on there is no reply to be had
    "error-in-body": document_of({"error": {"message": "Slow down", "code": 429}}),
    "error-in-stream": Behaviour(
        (HI, b'data: {"error": {"message": "oh", "code": 502}}\n\n', DONE)
    ),
    "error-and-silence": Behaviour((HI, event(error={"message": "oh", "code": 503})), "hang"),
    "done-too-early": Behaviour((HI, DONE), "hang"),
    "error-in-choice": Behaviour((HI, event({}, "error", error={"message": "oh"}), DONE)),
    "old-error": Behaviour((event(object="error", message="oh", code=400), DONE)),
    "html": Behaviour((HTML,), headers={"Content-Type": "text/html"}),
    "words": Behaviour((b"upstream is down",), headers={"Content-Type": "text/plain"}),
    "empty-body": Behaviour(),
    "null-choices": document_of({"id": "1", "choices": None}),
    "empty-choices": Behaviour((event(None, usage=USAGE), DONE)),
    "only-done": Behaviour((DONE,)),
    "bad-json": Behaviour((HI, b"data: {broken\n\n", end())),
    "not-utf-8": Behaviour((HI, b'data: {"a": "\xff"}\n\n', end())),
    "nested": Behaviour((b"[" * 1_000_000,)),
    "bad-gzip": Behaviour((b"this is no gzip",), headers={"Content-Encoding": "gzip"}),
    "ends-early": Behaviour((HI, BYE)),
    "ends-in-an-event": Behaviour((HI, b'data: {"choices": [{"del')),
    "cut": Behaviour((HI,), "cut"),
    "cut-at-once": Behaviour((b": hello\n\n",), "cut"),
    "reset": Behaviour((HI,), "reset"),
    "reset-at-once": Behaviour((), "reset"),
    "closed-at-once": Behaviour((), "cut"),
    "keep-alive-only": Behaviour((), b": keep-alive\n\n"),
    "keep-alive-inside": Behaviour((HI,), b": keep-alive\n\n"),
    "silent": Behaviour((), "hang"),
    "silent-after-headers": Behaviour((b"",), "hang"),
    "silent-inside": Behaviour((HI,), "hang"),
    "endless": Behaviour((HI,), event({"content": "and on "})),
    "empty-reply": stream(),
    "blank-reply": stream({"content": " \n"}),
    "only-thinks": stream({"reasoning": "Hm"}),
    "endless-refusal": Behaviour((b"no",), b"o" * 65536, status=500),
    "status-302": document_of({}, 302),
    "status-400": refusal(400, "max_tokens is too large"),
    "overflow-by-code": refusal(400, "too much", "context_length_exceeded"),
    "overflow-by-words": refusal(400, "This model's maximum context length is 4096 tokens."),
    "filtered-by-code": refusal(400, "The prompt", "content_filter"),
    "no-such-model": refusal(400, "m is not a valid model ID"),
    "status-401": refusal(401, "Incorrect API key provided"),
    "status-403": refusal(403),
    "status-404": refusal(404, "The model does not exist", "model_not_found"),
    "status-408": refusal(408),
    "status-409": refusal(409),
    "status-413": refusal(413),
    "status-429": refusal(429),
    "quota": refusal(429, "You exceeded your current quota", "insufficient_quota"),
    "after-seconds": refusal(429, retry_after="7"),
    "after-milliseconds": refusal(429, retry_after_ms="1500", retry_after="2"),
    "after-a-date": refusal(429, retry_after="Fri, 01 Jan 2100 00:00:00 GMT"),
    "after-a-past-date": refusal(429, retry_after="Fri, 01 Jan 2010 00:00:00 GMT"),
    "after-ages": refusal(429, retry_after="99999999"),
    "after-less-than-nothing": refusal(429, retry_after="-5"),
    "after-nonsense": refusal(429, retry_after="soon"),
    "status-500": Behaviour((b"Internal Server Error",), status=500),
    "status-502": Behaviour((HTML,), status=502, headers={"Content-Type": "text/html"}),
    "status-503": refusal(503, "overloaded", retry_after="3"),
    "status-529": refusal(529, "overloaded"),
    "odd-charset": Behaviour((b"no",), status=500, headers={"Content-Type": "text/a; charset=hex"}),
}

RAW: dict[str, bytes] = {
    "/no-http": b"220 mail.example.org ESMTP\r\n\r\n",
    "/bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "/long-header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    "/short-body": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + HI,
    "/until-close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD,
}
"""Whole answers of a server that does not speak HTTP well, by the path that is asked."""


async def complete(endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
    """Answer a request for a chat completion as its model's name says."""
    body = await request.json()
    endpoint.bodies.append(body)
    endpoint.headers.append(dict(request.headers))
    behaviour = BEHAVIOURS[body["model"]]
    response = web.StreamResponse(
        status=behaviour.status,
        headers={"Content-Type": "text/event-stream", "X-Request-Id": "req-1"} | behaviour.headers,
    )
    if behaviour.pieces or behaviour.then not in ("hang", "reset", "cut"):
        await response.prepare(request)
    with suppress(ConnectionError):
        for piece in behaviour.pieces:
            await response.write(piece)
        await go_on(behaviour.then, request, response)
    return response


async def go_on(then: str | bytes, request: web.Request, response: web.StreamResponse) -> None:
    """Do what comes after the pieces."""
    transport = request.transport
    assert transport is not None
    if isinstance(then, bytes):
        for piece in repeat(then):
            await response.write(piece)
            await asyncio.sleep(0.01)
    elif then == "hang":
        await asyncio.sleep(FOREVER_S)
    elif then == "reset":
        linger = struct.pack("ii", 1, 0)  # close with a reset, not with a farewell
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    elif then == "cut":
        transport.close()


async def answer_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever is asked with bytes, and close."""
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ")[1].decode().removesuffix("/chat/completions")
    writer.write(RAW[path])
    with suppress(ConnectionError):
        await writer.drain()
    writer.close()


@asynccontextmanager
async def serve() -> AsyncIterator[Endpoint]:
    """Run both servers; when the block ends, nothing of them is left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    raw = await asyncio.start_server(answer_raw, "127.0.0.1", 0)
    site = socket.create_server(("127.0.0.1", 0))
    endpoint = Endpoint(
        url=f"http://127.0.0.1:{site.getsockname()[1]}/v1",
        closed_url=f"http://127.0.0.1:{closed}/v1",
        raw_url=f"http://127.0.0.1:{raw.sockets[0].getsockname()[1]}",
        bodies=[],
        headers=[],
    )
    app = web.Application()
    app.router.add_post("/v1/chat/completions", partial(complete, endpoint))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, site).start()
    async with raw:
        try:
            yield endpoint
        finally:
            await runner.cleanup()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    """Run the servers in a thread and a loop of their own, so that a test sees its own tasks."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve()) as running,
    ):
        yield running
