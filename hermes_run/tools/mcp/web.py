"""Talk to a server over streamable HTTP; what goes wrong with one request ends that request only.

The SDK's transport lets a request that fails take the whole connection, and all other calls, with
it. So failures are turned here into what a server may answer: an HTTP error with a JSON-RPC error
in it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
from mcp.client.streamable_http import MCP_SESSION_ID, streamable_http_client
from mcp_types import INTERNAL_ERROR

from hermes_run.tools.mcp.line import MESSAGE_BYTES, Line

EXPIRED = -31_404
"""The code of the error that stands for a session the server does not know any more."""

CONNECT_S = 10.0
"""How long a connection may take, in seconds."""

READ_S = 600.0
"""How long a server may be silent over a request, where it has no time limit of its own."""


@asynccontextmanager
async def open_web(line: Line) -> AsyncGenerator[Any]:
    """Give the streams of messages to and from the server that *line* is to."""
    silence = line.asked.timeout or READ_S
    client = _Client(
        headers={**line.asked.headers, "accept-encoding": "identity"},
        timeout=httpx2.Timeout(CONNECT_S, read=silence + CONNECT_S),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
    )
    async with (
        client,
        streamable_http_client(
            line.asked.url, http_client=client, max_sse_event_size=MESSAGE_BYTES
        ) as streams,
    ):
        yield streams


class _Client(httpx2.AsyncClient):
    """An HTTP client that answers for a server that does not."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401 - as they are
        """Send *request*; the response is never longer than a message may be."""
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError as error:
            return _error(request, INTERNAL_ERROR, f"it can't be reached: {_words(error)}")
        response.stream = _Bounded(response.stream)
        if response.status_code in (400, 404) and MCP_SESSION_ID in request.headers:
            return await _expired(request, response)
        if response.status_code in (401, 403) and request.method == "POST":
            await response.aclose()
            return _error(request, INTERNAL_ERROR, f"it refuses us: HTTP {response.status_code}")
        return response


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in an error the SDK knows, where it is cut off or too long."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - a stream of either kind
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for chunk in self._stream:
                size += len(chunk)
                if size > MESSAGE_BYTES:
                    raise httpx2.StreamError(f"more than {MESSAGE_BYTES} bytes")
                yield chunk
        except httpx2.TransportError as error:
            raise httpx2.StreamError(_words(error)) from error

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()


async def _expired(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """Tell a session that is not known any more from other refusals; some servers say 400."""
    try:
        body = await response.aread()
    except httpx2.StreamError:
        body = b""
    if response.status_code == 404 or b"session" in body.lower():
        return _error(request, EXPIRED, "the session is not known any more")
    return httpx2.Response(
        response.status_code,
        headers={"content-type": response.headers.get("content-type", "")},
        content=body,
        request=request,
    )


def _error(request: httpx2.Request, code: int, text: str) -> httpx2.Response:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}}
    return httpx2.Response(
        502,
        headers={"content-type": "application/json"},
        content=msgspec.json.encode(error),
        request=request,
    )


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
