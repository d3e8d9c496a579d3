"""Single requests of which everything is kept: the bytes, and what a run makes of them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import anyio
import msgspec
from openai import OpenAIError

from hermes_run.errors import EndpointError, UsageError
from hermes_run.models.chat import ChatModel
from hermes_run.models.connect import Connection, Endpoint, open_client
from hermes_run.models.exchange import Exchange
from hermes_run.models.opening import NO_KEY
from hermes_run.models.protocol import Request
from hermes_run.models.raised import failure_of
from hermes_run.models.secret import secrets_of
from hermes_run.models.seen import Listed, Seen
from recorder.json_text import decode
from recorder.messages import Json

LIST_S = 15.0
"""How long a list of models may take, in seconds."""


@asynccontextmanager
async def open_probe(endpoint: Endpoint) -> AsyncGenerator[Probe]:
    """Connect to *endpoint*; the connections are closed when the block ends.

    Raises:
        UsageError: the address or the key is none.
    """
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(open_client(endpoint))
        except OpenAIError as error:
            raise UsageError(NO_KEY) from error
        yield Probe(connection, endpoint)


class Probe:
    """Asks an endpoint one thing at a time; made by :func:`open_probe`."""

    def __init__(self, connection: Connection, endpoint: Endpoint) -> None:
        self._connection = connection
        self._endpoint = endpoint

    async def models(self) -> Listed:
        """Ask which models there are; costs no token."""
        try:
            with anyio.fail_after(LIST_S):
                found = await self._connection.client.get("/models", cast_to=object)
        # Whatever an endpoint makes the layers below raise is a finding.
        except Exception as error:  # noqa: BLE001
            secrets = secrets_of(self._endpoint)
            return Listed(failure=failure_of(error, time.time(), begun=False, secrets=secrets))
        return Listed(document=_decoded(cast("Json", found)))

    async def ask(self, request: Request, *, stream: bool) -> Seen:
        """Ask for one reply."""
        endpoint = msgspec.structs.replace(self._endpoint, stream=stream)
        exchange = _Kept(endpoint)
        try:
            reply = await ChatModel(self._connection, endpoint).carry_out(request, exchange)
        except EndpointError as error:
            return Seen(failure=error.failure, body=b"".join(exchange.pieces))
        return Seen(reply=reply, body=b"".join(exchange.pieces))


class _Kept(Exchange):
    """An exchange that keeps the bytes."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.pieces: list[bytes] = []

    def take(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.pieces.append(piece)
        super().take(piece)


def _decoded(found: Json) -> Json:
    """Give the document; the SDK leaves as text what does not say that it is JSON."""
    if not isinstance(found, str):
        return found
    try:
        return decode(found.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
