"""The chat completions client: the OpenAI SDK's connection, keys and errors, and our own bytes.

Requests go out as bytes that were encoded once a message, and answers are cut and decoded here: the
SDK's transform of every message at every turn and its model of every chunk cost more than all the
rest of a session. Everything goes through public parameters of the SDK.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import anyio
import httpx2
import msgspec
from openai import AsyncOpenAI, AsyncStream, DefaultAioHttpClient

from hermes_run.errors import EndpointError, UsageError
from hermes_run.failure import Failure
from hermes_run.models import wire
from hermes_run.models.answer import Answer
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.raised import NETWORK, failure_of
from recorder.events import timestamp
from recorder.messages import Times

_PATH = "/chat/completions"
_HEADERS = {"Content-Type": "application/json"}
_LAST_WORDS_S = 5.0
_END_OF_BODY_S = 0.1
_REFUSAL_BYTES = 64 * 1024


class Endpoint(msgspec.Struct, frozen=True):
    """Where to ask and how long to wait; times in seconds, sizes in bytes.

    ``first_token_s`` bounds the wait for the first thing the model writes, ``silence_s`` the wait
    between two such things (comments that only keep the connection alive do not count), and
    ``attempt_s`` an attempt as a whole. Without ``stream`` nothing comes before the end, so that
    only the last of these applies. ``reply_bytes`` bounds what one answer may take.
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


class _Bytes(AsyncStream[bytes]):
    """The bytes of a response as they arrive; the SDK's own decoding never starts."""

    def pieces(self) -> AsyncGenerator[bytes]:
        """Give the bytes, decompressed."""
        return self.response.aiter_bytes()


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


@asynccontextmanager
async def open_chat(endpoint: Endpoint) -> AsyncGenerator[ChatModel]:
    """Connect to *endpoint*; the connections are closed when the block ends.

    Raises:
        UsageError: the address or the key is none.
        openai.OpenAIError: no key was given, neither here nor in ``OPENAI_API_KEY``.
    """
    http = DefaultAioHttpClient(
        limits=httpx2.Limits(
            max_connections=endpoint.connections,
            max_keepalive_connections=endpoint.connections,
            keepalive_expiry=endpoint.keepalive_s,
        ),
        event_hooks={"response": [_tame_refusal]},
    )
    async with http:
        try:
            client = AsyncOpenAI(
                base_url=endpoint.base_url,
                api_key=endpoint.api_key,
                max_retries=0,
                # How long to wait for an answer is decided here: see _Exchange.
                timeout=httpx2.Timeout(None, connect=endpoint.connect_s),
                http_client=http,
            )
        except httpx2.InvalidURL as error:
            raise _no_address(endpoint.base_url or "") from error
        _check(client)
        yield ChatModel(client, endpoint)


class ChatModel:
    """A model behind an OpenAI-compatible endpoint; made by :func:`open_chat`."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint

    async def reply(self, request: Request) -> Reply:
        """Give the reply to *request*; see :class:`hermes_run.models.protocol.Model`."""
        content = wire.body(request, stream=self._endpoint.stream)
        exchange = _Exchange(self._endpoint)
        started = timestamp(time.time())
        try:
            await self._run(content, exchange)
            reply = exchange.answer.reply()
        # Whatever an endpoint makes the layers below raise is a fact about this attempt.
        except Exception as error:
            raise EndpointError(exchange.failure(error)) from error
        times = Times(started, exchange.first_token, timestamp(time.time()))
        return msgspec.structs.replace(reply, times=times)

    async def _run(self, content: bytes, exchange: _Exchange) -> None:
        """Send the request and take the answer, as long as it is worth waiting for."""
        try:
            with exchange.scope:
                await self._receive(content, exchange)
        except NETWORK:
            if not exchange.answer.settled:
                raise
        if exchange.scope.cancelled_caught and not exchange.answer.settled:
            raise exchange.timeout()

    async def _receive(self, content: bytes, exchange: _Exchange) -> None:
        stream = await self._client.post(
            _PATH,
            content=content,
            cast_to=object,
            options={"headers": _HEADERS},
            stream=True,
            stream_cls=_Bytes,
        )
        async with stream, aclosing(stream.pieces()) as pieces:
            exchange.request_id = stream.response.headers.get("x-request-id")
            async for piece in pieces:
                exchange.take(piece)


class _Exchange:
    """One request and its answer: what has come, and how long to wait for more."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.answer = Answer(endpoint.reply_bytes)
        self.first_token: str | None = None
        self.request_id: str | None = None
        self._endpoint = endpoint
        self._ends = anyio.current_time() + endpoint.attempt_s
        self.scope = anyio.CancelScope(deadline=self._ends)
        if endpoint.stream:
            self._wait(endpoint.first_token_s)

    def take(self, piece: bytes) -> None:
        """Take the next bytes; what comes after the server's last word is only read away.

        Reading to the end of the body, if it is near, leaves the connection fit for use again.

        Raises:
            EndpointError: the answer is too large, or holds what is not JSON.
        """
        answer = self.answer
        if answer.done:
            return
        if answer.feed(piece):
            self.first_token = self.first_token or timestamp(time.time())
            self._wait(self._endpoint.silence_s)
        if answer.settled:
            self._wait_no_longer(_END_OF_BODY_S if answer.done else _LAST_WORDS_S)

    def timeout(self) -> EndpointError:
        """Say which patience came to its end."""
        endpoint = self._endpoint
        if not endpoint.stream or anyio.current_time() >= self._ends:
            text = f"no complete answer within {endpoint.attempt_s:g} s"
        elif self.first_token is None:
            text = f"the model wrote nothing within {endpoint.first_token_s:g} s"
        else:
            text = f"the model wrote nothing more within {endpoint.silence_s:g} s"
        return self.answer.failed("timeout", text)

    def failure(self, error: Exception) -> Failure:
        """Give the failure that *error* stands for, with the endpoint's name for the request."""
        if isinstance(error, EndpointError):
            failure = error.failure
        else:
            failure = failure_of(error, time.time(), begun=self.answer.begun)
        request_id = failure.request_id or self.request_id
        return msgspec.structs.replace(failure, request_id=request_id)

    def _wait(self, pause: float) -> None:
        """Wait so long from now on; a hundredth more or less is not worth a new timer."""
        now = anyio.current_time()
        deadline = min(self._ends, now + pause)
        if abs(deadline - self.scope.deadline) > (deadline - now) / 100:
            self.scope.deadline = deadline

    def _wait_no_longer(self, pause: float) -> None:
        self.scope.deadline = min(self.scope.deadline, anyio.current_time() + pause)


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
