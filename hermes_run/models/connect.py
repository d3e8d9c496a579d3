"""The SDK's client for an endpoint: its keys, organisations, headers, proxies and connections.

Which service it is, and what identifies us there, is left to the SDK, which reads its own
variables: ``OPENAI_ORG_ID``, ``OPENAI_PROJECT_ID``, ``OPENAI_CUSTOM_HEADERS``, ``HTTPS_PROXY`` and
its like; for Azure ``AZURE_OPENAI_ENDPOINT``, ``AZURE_OPENAI_API_KEY`` or
``AZURE_OPENAI_AD_TOKEN``, and ``OPENAI_API_VERSION``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import cast

import httpx2
import msgspec
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient, OpenAIError

from hermes_run.config import Capture, Client
from hermes_run.errors import EndpointError, UsageError
from hermes_run.failure import Failure
from hermes_run.throttle.notices import Notices

_REFUSAL_BYTES = 64 * 1024


class Endpoint(msgspec.Struct, frozen=True):
    """Where to ask and how long to wait; times in seconds, sizes in bytes.

    ``first_token_s`` bounds the wait for the first thing the model writes, ``silence_s`` the wait
    between two such things (comments that only keep the connection alive do not count), and
    ``attempt_s`` an attempt as a whole. Without ``stream`` nothing comes before the end, so that
    only the last of these applies. ``reply_bytes`` bounds what one answer may take.
    What the endpoint tells of its rates is left in ``notices``.
    """

    base_url: str | None = None
    api_key: str | None = None
    connections: int = 64
    stream: bool = True
    connect_s: float = 10.0
    first_token_s: float = 180.0
    silence_s: float = 90.0
    attempt_s: float = 1800.0
    keepalive_s: float = 600.0
    reply_bytes: int = 64 * 1024 * 1024
    client: Client = "fast"
    capture: Capture | None = None
    notices: Notices | None = None


class Connection(msgspec.Struct, frozen=True):
    """The SDK's client for an endpoint, and the connections that it uses."""

    client: AsyncOpenAI
    http: httpx2.AsyncClient


@asynccontextmanager
async def open_client(endpoint: Endpoint) -> AsyncGenerator[Connection]:
    """Connect to *endpoint*; the connections are closed when the block ends.

    Raises:
        UsageError: the address or the key is none, or what Azure needs beside them is missing.
        openai.OpenAIError: no key was given, neither here nor in ``OPENAI_API_KEY``.
    """
    hooks = [_tame_refusal]
    if endpoint.client == "sdk":  # the other one counts what it reads itself
        hooks.append(partial(_bound, endpoint.reply_bytes))
    if endpoint.notices:
        hooks.append(partial(_note, endpoint.notices))
    http = DefaultAioHttpClient(
        limits=httpx2.Limits(
            max_connections=endpoint.connections,
            max_keepalive_connections=endpoint.connections,
            keepalive_expiry=endpoint.keepalive_s,
        ),
        event_hooks={"response": hooks},
    )
    async with http:
        try:
            # How long to wait for an answer is decided elsewhere: see Exchange.
            timeout = httpx2.Timeout(None, connect=endpoint.connect_s)
            client = new_client(endpoint, timeout, http)
        except httpx2.InvalidURL as error:
            raise _no_address(endpoint.base_url or "") from error
        _check(client)
        yield Connection(client, http)


def is_azure(endpoint: Endpoint) -> bool:
    """Whether *endpoint* is Azure's, by the variables of the SDK: what was named goes first."""
    kind = os.environ.get("OPENAI_API_TYPE")
    if kind:
        return kind == "azure"
    named = endpoint.base_url or endpoint.api_key or os.environ.get("OPENAI_API_KEY")
    return not named and "AZURE_OPENAI_ENDPOINT" in os.environ


def address_of(endpoint: Endpoint) -> str:
    """Where *endpoint* is, also where only a variable says so."""
    if endpoint.base_url:
        return endpoint.base_url
    if is_azure(endpoint):
        return os.environ.get("AZURE_OPENAI_ENDPOINT") or "azure"
    return os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"


def new_client(
    endpoint: Endpoint, timeout: httpx2.Timeout | float, http: httpx2.AsyncClient | None = None
) -> AsyncOpenAI:
    """Make the SDK's client for *endpoint*, on *http* or on connections of its own.

    Raises:
        UsageError: what Azure needs is missing.
        openai.OpenAIError: no key was given.
    """
    if not is_azure(endpoint):
        return AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )
    key = _azure_key(endpoint)
    try:
        if endpoint.base_url is None:
            return AsyncAzureOpenAI(api_key=key, max_retries=0, timeout=timeout, http_client=http)
        return AsyncAzureOpenAI(
            base_url=endpoint.base_url,
            api_key=key,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )
    except (ValueError, OpenAIError) as error:
        raise UsageError(
            "Azure needs AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION, and AZURE_OPENAI_API_KEY or "
            f"AZURE_OPENAI_AD_TOKEN to be set: {error}"
        ) from error


def _azure_key(endpoint: Endpoint) -> str | None:
    """The key of Azure's own variables, unless another one was typed."""
    variables = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
    typed = endpoint.api_key != os.environ.get("OPENAI_API_KEY")
    has_own = any(name in os.environ for name in variables)
    return endpoint.api_key if typed or not has_own else None


async def _note(notices: Notices, response: httpx2.Response) -> None:
    notices.leave(response.headers.items(), refused=response.status_code == 429)


class _Beginning(httpx2.AsyncByteStream):
    """The first bytes of a body that the SDK reads whole, as it does with every refusal."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = _REFUSAL_BYTES
        async with aclosing(cast("AsyncGenerator[bytes]", aiter(self._body))) as pieces:
            async for piece in pieces:
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()


async def _tame_refusal(response: httpx2.Response) -> None:
    """Make a refusal one that the SDK can read, whatever its length and its charset."""
    if not response.is_success:
        response.encoding = "utf-8"
        response.stream = _Beginning(cast("httpx2.AsyncByteStream", response.stream))


class _Bounded(httpx2.AsyncByteStream):
    """A body that the SDK reads by itself, up to a bound."""

    def __init__(self, body: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._body = body
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most_bytes
        async with aclosing(cast("AsyncGenerator[bytes]", aiter(self._body))) as pieces:
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise too_large(self._most_bytes)
                yield piece

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()


def too_large(most_bytes: int) -> EndpointError:
    """Make the error of an answer that is larger than it may be."""
    text = f"the answer is larger than {most_bytes:,} bytes"
    return EndpointError(Failure(kind="bad_reply", error=text))


async def _bound(most_bytes: int, response: httpx2.Response) -> None:
    if response.is_success:
        stream = cast("httpx2.AsyncByteStream", response.stream)
        response.stream = _Bounded(stream, most_bytes)


def _no_address(given: object) -> UsageError:
    return UsageError(
        f"{given} is no address of an endpoint: name one that begins with http:// or https://, "
        "such as --base-url http://127.0.0.1:8000/v1"
    )


def _check(client: AsyncOpenAI) -> None:
    """Find what would fail at every request.

    Raises:
        UsageError: the address or the key is none.
    """
    if client.base_url.scheme not in ("http", "https") or not client.base_url.host:
        raise _no_address(client.base_url)
    if not (client.api_key.isascii() and client.api_key.isprintable()):
        raise UsageError(
            "the API key holds characters that no key has, such as a line end: "
            "set OPENAI_API_KEY anew"
        )
