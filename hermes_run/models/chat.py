"""The chat completions client: the OpenAI SDK's connection, keys and errors, and our own bytes.

Requests go out as bytes that were encoded once a message, and streams are cut and decoded here: the
SDK's transform of every message at every turn and its model of every chunk cost more than all the
rest of a session. Everything goes through public parameters of the SDK.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import msgspec
import openai
from openai import AsyncOpenAI, AsyncStream, DefaultAioHttpClient

from hermes_run.errors import EndpointError
from hermes_run.models import wire
from hermes_run.models.assemble import Assembly
from hermes_run.models.failure import (
    Failure,
    Kind,
    classify_error_object,
    classify_status,
)
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.sse import DONE, Splitter
from recorder.events import timestamp
from recorder.messages import Times

_PATH = "/chat/completions"
_HEADERS = {"Content-Type": "application/json"}


class Endpoint(msgspec.Struct, frozen=True):
    """Where to ask and how long to wait; times in seconds.

    ``first_token_s`` bounds the wait for the first thing the model writes, ``silence_s`` the wait
    between two such things (comments that only keep the connection alive do not count), and
    ``attempt_s`` an attempt as a whole.
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


class _Bytes(AsyncStream[bytes]):
    """The bytes of a streamed response as they arrive; the SDK's own decoding never starts."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.response.aiter_bytes()


@asynccontextmanager
async def open_chat(endpoint: Endpoint) -> AsyncIterator[ChatModel]:
    """Connect to *endpoint*; the connections are closed when the block ends.

    Raises:
        openai.OpenAIError: no key was given, neither here nor in ``OPENAI_API_KEY``.
    """
    limits = httpx2.Limits(
        max_connections=endpoint.connections,
        max_keepalive_connections=endpoint.connections,
        keepalive_expiry=endpoint.keepalive_s,
    )
    timeout = httpx2.Timeout(endpoint.attempt_s, connect=endpoint.connect_s)
    async with (
        DefaultAioHttpClient(limits=limits, timeout=timeout) as http,
        AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        ) as client,
    ):
        yield ChatModel(client, endpoint)


class ChatModel:
    """A model behind an OpenAI-compatible endpoint; made by :func:`open_chat`."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint

    async def reply(self, request: Request) -> Reply:
        """Give the reply to *request*; see :class:`hermes_run.models.protocol.Model`."""
        assembly = Assembly()
        try:
            with anyio.fail_after(self._endpoint.attempt_s):
                times = await self._ask(request, assembly)
        except openai.APIStatusError as error:
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            failure = classify_status(error.status_code, error.body, headers)
            raise EndpointError(failure) from error
        except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise _failed("timeout", f"no answer in time {error}".strip(), assembly) from error
        except (openai.APIError, httpx2.HTTPError, OSError) as error:
            kind: Kind = "connection" if assembly.empty else "stream_cut"
            raise _failed(kind, _cause(error), assembly) from error
        except msgspec.DecodeError as error:
            raise _failed("bad_reply", f"the answer is not JSON: {error}", assembly) from error
        return msgspec.structs.replace(_complete(assembly), times=times)

    async def _ask(self, request: Request, assembly: Assembly) -> Times:
        """Send the request and take in the answer."""
        started = timestamp(time.time())
        content = wire.body(request, stream=self._endpoint.stream)
        first = None
        if self._endpoint.stream:
            first = await self._take_stream(content, assembly)
        else:
            await self._take_whole(content, assembly)
        return Times(started=started, first_token=first, finished=timestamp(time.time()))

    async def _take_whole(self, content: bytes, assembly: Assembly) -> None:
        response = await self._client.post(
            _PATH, content=content, cast_to=httpx2.Response, options={"headers": _HEADERS}
        )
        assembly.add(msgspec.json.decode(response.content))

    async def _take_stream(self, content: bytes, assembly: Assembly) -> str | None:
        """Take a stream in; gives the time of the first thing the model wrote."""
        first = None
        splitter = Splitter()
        with anyio.fail_after(self._endpoint.first_token_s) as silence:
            stream = await self._client.post(
                _PATH,
                content=content,
                cast_to=object,
                options={"headers": _HEADERS},
                stream=True,
                stream_cls=_Bytes,
            )
            async with stream:
                async for piece in stream:
                    if _take(splitter.feed(piece), assembly):
                        silence.deadline = anyio.current_time() + self._endpoint.silence_s
                        first = first or timestamp(time.time())
            _take(splitter.end(), assembly)
        return first


def _take(payloads: list[bytes], assembly: Assembly) -> bool:
    """Add what came to *assembly*; gives whether the model wrote any of it."""
    wrote = False
    for payload in payloads:
        if payload != DONE:
            assembly.add(msgspec.json.decode(payload))
            wrote = wrote or assembly.content
    return wrote


def _complete(assembly: Assembly) -> Reply:
    """Give the reply if it is one.

    Raises:
        EndpointError: the server reported an error, cut the stream, or sent nothing.
    """
    if assembly.error:
        failure = classify_error_object({"error": assembly.error})
        raise EndpointError(msgspec.structs.replace(failure, usage=assembly.usage))
    if assembly.empty and not assembly.finished:
        raise _failed("bad_reply", "the answer holds no choice", assembly)
    if not assembly.finished:
        raise _failed("stream_cut", "the stream ended without a finish reason", assembly)
    if assembly.empty:
        raise _failed("empty_reply", "the model wrote nothing", assembly)
    return assembly.reply()


def _failed(kind: Kind, error: str, assembly: Assembly) -> EndpointError:
    return EndpointError(Failure(kind=kind, error=error, usage=assembly.usage))


def _cause(error: BaseException) -> str:
    """The SDK says only "Connection error."; what it wraps says which."""
    said: list[str] = [str(error)]
    while error.__cause__ is not None:
        error = error.__cause__
        said.append(str(error) or type(error).__name__)
    return ": ".join(dict.fromkeys(said)) or type(error).__name__
