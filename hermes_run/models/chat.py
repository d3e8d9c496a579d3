"""The chat completions client: the OpenAI SDK's connection, keys and errors, and our own bytes.

Requests go out as bytes that were encoded once a message, and answers are cut and decoded here: the
SDK's transform of every message at every turn and its model of every chunk cost more than all the
rest of a session. Everything goes through what is public in the SDK.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from urllib.parse import quote

from openai import AsyncAzureOpenAI

from hermes_run.models import wire
from hermes_run.models.connect import Connection, Endpoint, open_client
from hermes_run.models.exchange import Exchange
from hermes_run.models.plain import PlainModel
from hermes_run.models.posting import Posting, pieces
from hermes_run.models.protocol import Reply, Request

__all__ = ["ChatModel", "Endpoint", "open_chat"]

_PATH = "/chat/completions"


@asynccontextmanager
async def open_chat(endpoint: Endpoint) -> AsyncGenerator[ChatModel | PlainModel]:
    """Connect to *endpoint*; the connections are closed when the block ends.

    Raises:
        UsageError: the address or the key is none.
        openai.OpenAIError: no key was given, neither here nor in ``OPENAI_API_KEY``.
    """
    async with open_client(endpoint) as connection:
        if endpoint.client == "sdk":
            yield PlainModel(connection.client, endpoint)
        else:
            yield ChatModel(connection, endpoint)


class ChatModel:
    """A model behind an OpenAI-compatible endpoint; made by :func:`open_chat`."""

    def __init__(self, connection: Connection, endpoint: Endpoint) -> None:
        self._client = connection.client
        self._posting = Posting(connection.client, connection.http)
        self._endpoint = endpoint

    async def reply(self, request: Request) -> Reply:
        """Give the reply to *request*; see :class:`hermes_run.models.protocol.Model`."""
        return await self.carry_out(request, Exchange(self._endpoint))

    async def carry_out(self, request: Request, exchange: Exchange) -> Reply:
        """Give the reply to *request*; *exchange* takes what comes of it.

        Raises:
            EndpointError: this attempt gave no usable reply.
        """
        endpoint, path = self._endpoint, self._path(request.model)
        body = wire.body(request, stream=endpoint.stream, capture=endpoint.capture)
        receiving = self._receive(path, body, exchange)
        del body  # whoever waits for a reply need not keep what it is a reply to
        with exchange.judged():
            with exchange.waiting():
                await receiving
            return exchange.reply()

    def _path(self, model: str) -> str:
        """Where to ask; Azure has a path for every deployment, named like the model.

        The SDK makes it of a request that it serialises itself.
        """
        azure = isinstance(self._client, AsyncAzureOpenAI)
        if not azure or "/deployments" in self._client.base_url.path:
            return _PATH
        return f"/deployments/{quote(model, safe='')}{_PATH}"

    async def _receive(self, path: str, content: bytes, exchange: Exchange) -> None:
        response = await self._posting.post(path, content)
        del content
        async with aclosing(response), aclosing(pieces(response)) as arriving:
            exchange.request_id = response.headers.get("x-request-id")
            async for piece in arriving:
                exchange.take(piece)
