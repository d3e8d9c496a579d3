"""The simulated model behind HTTP, on 127.0.0.1 and in the caller's event loop."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from aiohttp import web

from hermes_run.errors import UsageError
from hermes_run.models.simulated import wire
from hermes_run.models.simulated.policy import next_turn
from hermes_run.models.simulated.request import Request, read

HOST = "127.0.0.1"
BODY_BYTES = 256 * 1024 * 1024
BACKLOG = 4096
# Longer than any tool call: the next request of a session finds its connection open.
KEEPALIVE_S = 3600.0
SHUTDOWN_S = 5.0
LATENCY: web.AppKey[float] = web.AppKey("latency", float)
MODELS = wire.encode(
    {
        "object": "list",
        "data": [{"id": wire.MODEL, "object": "model", "created": 0, "owned_by": "hermes-run"}],
    }
)


@asynccontextmanager
async def serve(port: int = 0, latency_s: float = 0.0) -> AsyncGenerator[str]:
    """Serve the simulated model and give its base URL, ``http://127.0.0.1:PORT/v1``.

    Args:
        port: where to listen; 0 takes a free one.
        latency_s: seconds between a request and the first byte of its reply.

    Raises:
        UsageError: the port can't be had.
    """
    runner = web.AppRunner(
        application(latency_s),
        access_log=None,
        handler_cancellation=True,  # who has gone needs no reply
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    try:
        yield await listen(runner, port)
    finally:
        with anyio.move_on_after(SHUTDOWN_S, shield=True):
            await runner.cleanup()


async def listen(runner: web.AppRunner, port: int) -> str:
    """Open the port and give the base URL."""
    try:
        await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"The simulated model can't listen on {HOST} port {port}: {error}. "
            "Name another port, or 0 for a free one."
        ) from error
    return f"http://{HOST}:{runner.addresses[0][1]}/v1"


def application(latency_s: float) -> web.Application:
    """Lay out the routes."""
    app = web.Application(client_max_size=BODY_BYTES)
    app[LATENCY] = latency_s
    app.router.add_get("/v1/models", list_models)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_route("*", "/{rest:.*}", refuse)
    return app


async def list_models(_request: web.Request) -> web.Response:
    """Answer which models there are."""
    return answer(MODELS)


async def refuse(request: web.Request) -> web.Response:
    """Answer a request for anything else."""
    message = f"There is no {request.method} {request.path} here."
    return answer(wire.refusal(message, "invalid_request_error", "not_found"), status=404)


async def complete(request: web.Request) -> web.StreamResponse:
    """Answer a request for a chat completion."""
    try:
        asked = read(await request.read())
    except ValueError as error:
        message = f"This is not a chat completion request: {error}."
        return answer(wire.refusal(message, "invalid_request_error", "bad_request"), status=400)
    reply = wire.reply_to(asked, next_turn(asked), int(time.time()))
    await anyio.sleep(request.app[LATENCY])
    if asked.stream:
        return await stream(request, asked, reply)
    return answer(wire.completion(reply))


async def stream(request: web.Request, asked: Request, reply: wire.Reply) -> web.StreamResponse:
    """Send a reply piece by piece."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    try:
        await response.prepare(request)
        for chunk in wire.chunks(reply, include_usage=asked.include_usage):
            await response.write(chunk)
        await response.write_eof()
    except ConnectionResetError:
        pass  # the client has gone, and with it everybody this concerns
    return response


def answer(body: bytes, status: int = 200) -> web.Response:
    """Send JSON."""
    return web.Response(body=body, status=status, content_type="application/json")
