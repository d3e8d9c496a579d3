"""Requests to one endpoint that differ in nothing but their body.

The first to a path is made by the SDK, with its keys, organisations, headers and query. Those after
it are copies of that one, sent on the same connections: what the SDK does to make each request anew
costs more than sending it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import cast

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream

from recorder.messages import Json
from recorder.shapes import object_of

_HEADERS = {"Content-Type": "application/json"}
_OWN = ("Content-Length", "Cookie", "Idempotency-Key")
"""Headers that each request has of its own."""


class Posting:
    """Sends bodies to an endpoint.

    Args:
        client: makes the first request to a path, and knows what an endpoint that refuses says.
        http: the connections of *client*.
    """

    def __init__(self, client: AsyncOpenAI, http: httpx2.AsyncClient) -> None:
        self._client = client
        self._http = http
        self._first: dict[str, httpx2.Request] = {}

    async def post(self, path: str, content: bytes) -> httpx2.Response:
        """Send *content* and give the response as soon as it begins; whoever calls this closes it.

        Raises:
            openai.APIError, httpx2.HTTPError, aiohttp.ClientError, OSError: it is refused, or the
                connection failed.
        """
        first = self._first.get(path)
        if first is not None:
            return await self._repeat(first, content)
        stream = await self._client.post(
            path,
            content=content,
            cast_to=object,
            options={"headers": _HEADERS},
            stream=True,
            stream_cls=AsyncStream[bytes],
        )
        response = stream.response
        if not response.history:  # else this is not the request that was made
            self._first[path] = _bare(response.request)
        return response

    async def _repeat(self, first: httpx2.Request, content: bytes) -> httpx2.Response:
        request = _like(first, content)
        if self._http.cookies:
            self._http.cookies.set_cookie_header(request)
        response = await self._http.send(request, stream=True)
        if not response.is_success:
            raise await _refusal(response)
        response.request = first  # its own has the body, which may be large
        return response


def pieces(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Give the bytes of *response* as they arrive, decompressed."""
    if "Content-Encoding" in response.headers:
        return response.aiter_bytes()
    stream = cast("httpx2.AsyncByteStream", response.stream)
    return cast("AsyncGenerator[bytes]", aiter(stream))


def _bare(request: httpx2.Request) -> httpx2.Request:
    """Give *request* without what it has of its own."""
    bare = _like(request, b"")
    for name in _OWN:
        bare.headers.pop(name, None)
    return bare


def _like(first: httpx2.Request, content: bytes) -> httpx2.Request:
    """Give a request like *first*, with another body; its length is set where it is sent."""
    request = httpx2.Request(
        first.method,
        first.url,
        headers=first.headers,
        stream=httpx2.ByteStream(content),
        extensions=first.extensions,
    )
    request.headers.encoding = first.headers.encoding  # or it is found out anew
    request.read()
    return request


async def _refusal(response: httpx2.Response) -> openai.APIStatusError:
    """Read why it is refused, as the SDK does."""
    await response.aread()
    body: Json = response.text.strip()
    with suppress(ValueError, RecursionError):  # it is no JSON
        body = json.loads(body)
    said = object_of(body).get("error", body)
    message = f"Error code: {response.status_code}"
    return openai.APIStatusError(message, response=response, body=said)
