"""One request and its answer: what has come of it, and how long to wait for more."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import get_args

import anyio
import msgspec

from hermes_run.config import Capture
from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.models.answer import Answer
from hermes_run.models.connect import Endpoint
from hermes_run.models.protocol import Reply
from hermes_run.models.raised import NETWORK, failure_of, without
from hermes_run.models.secret import secrets_of
from hermes_run.models.tokens import asked, missing
from recorder.events import timestamp
from recorder.messages import Json, Times

_LAST_WORDS_S = 5.0
_END_OF_BODY_S = 0.1
_REFUSED = (400, 403, 422, 501)
"""Statuses with which servers refuse a field."""


class Exchange:
    """One request and its answer; made when the request is sent.

    ::

        with exchange.judged():
            with exchange.waiting():
                ...                      # send, and take what comes
            return exchange.reply()
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._secrets = secrets_of(endpoint)
        self.answer = Answer(endpoint.reply_bytes, self._secrets)
        self.first_token: str | None = None
        self.request_id: str | None = None
        self._endpoint = endpoint
        self._started = timestamp(time.time())
        self._ends = anyio.current_time() + endpoint.attempt_s
        self._scope = anyio.CancelScope(deadline=self._ends)
        self._moves_at = -math.inf
        if endpoint.stream:
            self._wait(endpoint.first_token_s)

    @contextmanager
    def judged(self) -> Generator[None]:
        """Make whatever the block raises the failure that it stands for.

        Raises:
            EndpointError: this attempt gave no usable reply.
        """
        try:
            yield
        # Whatever an endpoint makes the layers below raise is a fact about this attempt.
        except Exception as error:
            raise EndpointError(self._failure(error)) from error

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Wait for the block as long as it is worth it; an answer that is settled is enough."""
        try:
            with self._scope:
                yield
        except NETWORK:
            if not self.answer.settled:
                raise
        if self._scope.cancelled_caught and not self.answer.settled:
            raise self._timeout()

    def take(self, piece: bytes) -> None:
        """Take the next bytes; what comes after the server's last word is only read away.

        Reading to the end of the body, if it is near, leaves the connection fit for use again.

        Raises:
            EndpointError: the answer is too large, or holds what is not JSON.
        """
        if not self.answer.done:
            self._look(wrote=self.answer.feed(piece))

    def add(self, chunk: Json) -> None:
        """Take the next chunk, which was decoded by somebody else.

        Raises:
            EndpointError: it holds what can't be kept.
        """
        self._look(wrote=self.answer.add(chunk))

    def reply(self) -> Reply:
        """Give the reply, if what came is one.

        Raises:
            EndpointError: it is none.
        """
        reply = self.answer.reply()
        times = Times(self._started, self.first_token, timestamp(time.time()))
        lacking = missing(self._endpoint.capture, reply.token_ids, reply.logprobs)
        flags = (*reply.flags, lacking) if lacking else reply.flags
        return msgspec.structs.replace(reply, times=times, flags=flags)

    def _look(self, *, wrote: bool) -> None:
        """Note that something came, and how long to wait for the next."""
        if wrote:
            if self.first_token is None:
                self.first_token = timestamp(time.time())
                self._moves_at = -math.inf
            self._wait(self._endpoint.silence_s)
        if self.answer.settled:
            self._wait_no_longer(_END_OF_BODY_S if self.answer.done else _LAST_WORDS_S)

    def _timeout(self) -> EndpointError:
        """Say which patience came to its end."""
        endpoint = self._endpoint
        if not endpoint.stream or anyio.current_time() >= self._ends:
            text = f"no complete answer within {endpoint.attempt_s:g} s"
        elif self.first_token is None:
            text = f"the model wrote nothing within {endpoint.first_token_s:g} s"
        else:
            text = f"the model wrote nothing more within {endpoint.silence_s:g} s"
        return self.answer.failed("timeout", text)

    def _failure(self, error: Exception) -> Failure:
        """Give the failure that *error* stands for, with the endpoint's name for the request."""
        begun, secrets = self.answer.begun, self._secrets
        failure = failure_of(error, time.time(), begun=begun, secrets=secrets)
        failure = _blame_capture(failure, self._endpoint)
        failure = msgspec.structs.replace(
            failure,
            request_id=failure.request_id or self.request_id,
            usage=failure.usage or self.answer.usage,
        )
        return without(failure, secrets)

    def _wait(self, pause: float) -> None:
        """Wait so long from now on; a hundredth less is not worth a new timer at each piece."""
        now = time.monotonic()  # far cheaper than the clock of the loop
        if now >= self._moves_at:
            self._moves_at = now + pause / 100
            self._scope.deadline = min(self._ends, anyio.current_time() + pause)

    def _wait_no_longer(self, pause: float) -> None:
        self._moves_at = -math.inf
        self._scope.deadline = min(self._scope.deadline, anyio.current_time() + pause)


def _blame_capture(failure: Failure, endpoint: Endpoint) -> Failure:
    """Give *failure*, or what it says about the setting if the server refused a field of it."""
    fields = asked(endpoint.capture, stream=endpoint.stream)
    if failure.status not in _REFUSED or not any(name in failure.error for name in fields):
        return failure
    kinds = ", ".join(get_args(Capture))
    text = (
        f"{failure.error} (--capture-tokens {endpoint.capture} asks for it: name the server that "
        f"it is, one of {kinds}, try --no-stream, or leave the option out)"
    )
    return msgspec.structs.replace(failure, kind="unsupported", error=text)
