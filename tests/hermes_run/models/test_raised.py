"""What the layers below raise is the failure that it stands for."""

from __future__ import annotations

from itertools import pairwise

import aiohttp
import httpx2
import openai
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from hermes_run.models.raised import failure_of

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")
CONNECTION = openai.APIConnectionError(request=REQUEST)
TIMEOUT = openai.APITimeoutError(request=REQUEST)
ASKED = aiohttp.RequestInfo(URL("http://127.0.0.1/"), "POST", CIMultiDictProxy(CIMultiDict()))


def caused(*chain: BaseException) -> Exception:
    """Link each error to the one that caused it."""
    for error, cause in pairwise(chain):
        error.__cause__ = cause
    chain[-1].__cause__ = None
    first = chain[0]
    assert isinstance(first, Exception)
    return first


@pytest.mark.parametrize(
    ("chain", "kind"),
    [
        ([CONNECTION, httpx2.ConnectError("x")], "connection"),
        (
            # how the transport for aiohttp reports a server that hung up
            [TIMEOUT, httpx2.ConnectTimeout("x"), aiohttp.ServerDisconnectedError()],
            "connection",
        ),
        (
            [TIMEOUT, httpx2.TimeoutException("x"), aiohttp.ConnectionTimeoutError()],
            "timeout",
        ),
        ([TIMEOUT, httpx2.ReadTimeout("x")], "timeout"),
        ([TimeoutError()], "timeout"),
        ([ConnectionResetError("x")], "connection"),
        ([httpx2.RemoteProtocolError("peer closed connection")], "connection"),
        ([httpx2.ReadError("x"), aiohttp.ClientPayloadError("x")], "connection"),
        ([aiohttp.ClientOSError(104, "x")], "connection"),
        ([httpx2.TooManyRedirects("x")], "connection"),
        ([httpx2.DecodingError("x")], "bad_reply"),
        ([httpx2.UnsupportedProtocol("x")], "bad_reply"),
        ([aiohttp.ClientResponseError(ASKED, (), message="x")], "bad_reply"),
        ([ValueError("x")], "bad_reply"),
        ([RecursionError("x")], "bad_reply"),
        ([UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")], "bad_reply"),
    ],
)
def test_an_error_is_of_the_kind_of_its_causes(chain, kind):
    """The transport's own name for it may mislead."""
    assert failure_of(caused(*chain), 0.0, begun=False).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ReadError("x"), "stream_cut"),
        (TimeoutError(), "timeout"),
        (httpx2.DecodingError("x"), "bad_reply"),
    ],
)
def test_a_connection_that_breaks_after_the_first_word_cuts_the_stream(error, kind):
    """What was written is lost, and was paid for."""
    assert failure_of(error, 0.0, begun=True).kind == kind


def test_a_refusal_is_judged_by_its_status_and_headers():
    """Names of headers in any case."""
    response = httpx2.Response(429, headers={"Retry-After": "7"}, request=REQUEST)
    error = openai.RateLimitError("Error code: 429", response=response, body={"message": "no"})
    failure = failure_of(error, 0.0, begun=False)
    assert (failure.kind, failure.retry_after_s, failure.error) == (
        "rate_limit",
        7.0,
        "HTTP 429: no",
    )


def test_the_whole_chain_is_said_once_and_kept_short():
    """An error without words gives its name."""
    chain = [RuntimeError("Connection error."), RuntimeError("x"), RuntimeError("x"), KeyError()]
    failure = failure_of(caused(*chain), 0.0, begun=False)
    assert failure.error == "Connection error.: x: KeyError"
    assert len(failure_of(ValueError("x" * 9_000), 0.0, begun=False).error) == 500
