"""Whatever an endpoint does, an attempt ends in a reply or in the failure that it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import anyio
import pytest
from anyio import wait_all_tasks_blocked

from hermes_run.config import Client
from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.protocol import Reply, Request
from recorder.events import seconds
from recorder.messages import ToolCall, Usage

DOCUMENT = "in a stream the SDK sees events only: a document is nothing to it"
DONE = "the SDK keeps [DONE] to itself"
WHOLE = "where no stream was asked for, the SDK reads a body to its end before it looks at it"

SDK_DIFFERS: dict[tuple[str, bool], tuple[str, str, str]] = {
    ("good-whole", True): ("bad_reply", "empty", DOCUMENT),
    ("blank-lines-first", True): ("bad_reply", "empty", DOCUMENT),
    ("error-in-body", True): ("bad_reply", "empty", DOCUMENT),
    ("html", True): ("bad_reply", "empty", DOCUMENT),
    ("null-choices", True): ("bad_reply", "empty", DOCUMENT),
    ("nested", True): ("bad_reply", "empty", DOCUMENT),
    ("only-done", True): ("bad_reply", "empty", DONE),
    ("never-closes", False): ("timeout", "no complete answer", WHOLE),
    ("talks-on", False): ("timeout", "no complete answer", WHOLE),
    ("done-too-early", False): ("timeout", "no complete answer", WHOLE),
    ("cut-after-finish", False): ("connection", "payload", WHOLE),
    ("cut", False): ("connection", "payload", WHOLE),
    ("reset", False): ("connection", "reset", WHOLE),
}
"""What the SDK's own path makes of what the fast one reads, with and without a stream, and why.

All of them are failures that are tried again. Beside them there is one thing: generators that the
SDK leaves in the middle are ended by the loop, a few rounds later.
"""

USER = b'{"role":"user","content":"Hi"}'
Ask: TypeAlias = Callable[..., Awaitable[Reply | Failure]]


def connector(model: Any) -> aiohttp.BaseConnector:
    """Give the pool of connections under *model*."""
    session: Any = model._client._client._transport.client
    return session.connector


@asynccontextmanager
async def chat(url: str, **settings: Any) -> AsyncIterator[Any]:
    """Connect to *url*; no task and no connection is left, neither in use nor open."""
    before = asyncio.all_tasks()
    async with open_chat(Endpoint(url, "key", **settings)) as model:
        yield model
        pool = connector(model)
        assert not pool._acquired
    assert pool.closed
    assert not pool._conns
    if settings.get("client") == "sdk":
        await wait_all_tasks_blocked()
    assert asyncio.all_tasks() == before


@pytest.fixture(params=["fast", "again", "sdk"])
def way(request) -> str:
    """Both clients, and the fast one where it repeats a request: what is true of one is of all."""
    return request.param


@pytest.fixture
def client(way) -> Client:
    """Name the client."""
    return "sdk" if way == "sdk" else "fast"


@pytest.fixture
def ask(endpoint, client, way) -> Ask:
    """Ask for one reply; gives it, or the failure of the attempt."""

    async def ask(model: str, url: str = "", **settings: Any) -> Reply | Failure:
        if differs(client, model, stream=settings.get("stream", True)):
            settings = {"attempt_s": 0.5, **settings}
        async with chat(url or endpoint.url, client=client, **settings) as connected:
            if way == "again" and not url:
                await connected.reply(Request("good", (USER,)))
            try:
                return await connected.reply(Request(model, (USER,)))
            except EndpointError as error:
                return error.failure

    return ask


def differs(client: Client, model: str, *, stream: bool) -> tuple[str, str, str] | None:
    """What the SDK's own path makes of *model*, where that is something else."""
    return SDK_DIFFERS.get((model, stream)) if client == "sdk" else None


def look(call_id: str, name: str = "look", arguments: str = "{}") -> ToolCall:
    """Make a call."""
    return ToolCall(call_id, name, arguments)


HELLO = {"text": "Hello", "finish_reason": "stop"}
THOUGHT = {**HELLO, "reasoning": "Hm"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("good", {**HELLO, "model": "real-name", "response_id": "chatcmpl-1", "flags": ()}),
        ("good-whole", HELLO),
        (
            "calls-in-pieces",
            {"calls": (look("a", "look", '{"at": 1}'), look("b", "find", '{"for": 2}'))},
        ),
        ("whole-call", {"calls": (look("a", "look", '{"at": 1}'),), "text": None}),
        ("no-ids", {"calls": (look("call_0"), look("call_1", "find"))}),
        ("repeated-ids", {"calls": (look("a"), look("call_0", "find"))}),
        ("one-index", {"calls": (look("a"), look("b", "find"))}),
        ("reasoning-content", THOUGHT),
        ("reasoning", THOUGHT),
        ("reasoning-details", THOUGHT),
        ("reasoning-parts", THOUGHT),
        ("no-usage", {**HELLO, "usage": None}),
        ("no-done", HELLO),
        ("refusal", {"text": None, "refusal": "I can't."}),
        ("filtered", {"text": "Hel", "finish_reason": "content_filter"}),
        ("too-long", {"text": "Hello", "finish_reason": "length"}),
        ("thought-too-long", {"text": None, "reasoning": "Hm", "finish_reason": "length"}),
        ("surrogates", {"text": "😀 and \ud800"}),
        ("huge-chunk", {"text": "x" * 3_000_000}),
        ("cut-in-characters", {"text": "é😀"}),
        ("cut-in-line-ends", HELLO),
        ("carriage-returns", HELLO),
        ("gzip", HELLO),
        ("blank-lines-first", HELLO),
        ("never-closes", HELLO),
        ("talks-on", HELLO),
        ("cut-after-finish", HELLO),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_every_dialect_of_a_good_answer_is_a_reply(ask, client, model, expected, stream):
    """Whether a stream was asked for or not, servers send either."""
    reply = await ask(model, stream=stream)
    if other := differs(client, model, stream=stream):
        assert isinstance(reply, Failure)
        assert (reply.kind, other[1] in reply.error) == (other[0], True), reply
        return
    assert isinstance(reply, Reply), reply
    assert {name: getattr(reply, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        ("error-in-body", "rate_limit", "Slow down"),
        ("error-in-stream", "server", "oh"),
        ("error-in-choice", "server", "oh"),
        ("done-too-early", "stream_cut", "without a finish reason"),
        ("old-error", "bad_request", "oh"),
        ("html", "bad_reply", "<!DOCTYPE html>"),
        ("words", "bad_reply", "empty"),
        ("empty-body", "bad_reply", "empty"),
        ("null-choices", "bad_reply", "no choice"),
        ("empty-choices", "bad_reply", "no choice"),
        ("only-done", "bad_reply", "no choice"),
        ("bad-json", "bad_reply", "not JSON"),
        ("not-utf-8", "bad_reply", "not JSON"),
        ("nested", "bad_reply", "not JSON"),
        ("bad-gzip", "bad_reply", "incorrect header"),
        ("ends-early", "stream_cut", "without a finish reason"),
        ("ends-in-an-event", "stream_cut", "without a finish reason"),
        ("cut", "stream_cut", "payload"),
        ("cut-at-once", "connection", "payload"),
        ("reset", "stream_cut", "reset"),
        ("reset-at-once", "connection", "reset"),
        ("closed-at-once", "connection", "disconnected"),
        ("empty-reply", "empty_reply", "no answer"),
        ("blank-reply", "empty_reply", "no answer"),
        ("only-thinks", "empty_reply", "no answer"),
        ("endless-refusal", "server", "HTTP 500: nooo"),
        ("status-302", "server", "HTTP 302"),
        ("status-400", "bad_request", "max_tokens is too large"),
        ("overflow-by-code", "context_overflow", "too much"),
        ("overflow-by-words", "context_overflow", "4096 tokens"),
        ("filtered-by-code", "filtered", "The prompt"),
        ("no-such-model", "not_found", "not a valid model"),
        ("status-401", "key", "HTTP 401: Incorrect API key provided"),
        ("status-403", "key", "HTTP 403"),
        ("status-404", "not_found", "does not exist"),
        ("status-408", "timeout", "HTTP 408"),
        ("status-409", "server", "HTTP 409"),
        ("status-413", "context_overflow", "HTTP 413"),
        ("status-429", "rate_limit", "HTTP 429"),
        ("quota", "quota", "current quota"),
        ("status-500", "server", "Internal Server Error"),
        ("status-502", "server", "nginx"),
        ("status-529", "server", "overloaded"),
        ("odd-charset", "server", "HTTP 500: no"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_every_fault_of_an_endpoint_is_a_failure_of_its_kind(
    ask, client, model, kind, said, stream
):
    """The failure says what came, so that the record does."""
    failure = await ask(model, stream=stream)
    if other := differs(client, model, stream=stream):
        kind, said, _ = other
    assert isinstance(failure, Failure), failure
    assert (failure.kind, said in failure.error) == (kind, True), failure
    assert len(failure.error) <= 600


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/no-http", "bad_reply"),
        ("/bad-length", "bad_reply"),
        ("/bad-chunk", "bad_reply"),
        ("/long-header", "bad_reply"),
        ("/short-body", "stream_cut"),
    ],
)
async def test_a_server_that_does_not_speak_http_is_a_failure(endpoint, ask, path, kind):
    """What no client can read is the endpoint's fault, whoever notices it."""
    failure = await ask("any", endpoint.raw_url + path)
    assert isinstance(failure, Failure), failure
    assert failure.kind == kind


async def test_a_body_that_only_the_end_of_the_connection_ends_is_a_reply(endpoint, ask):
    """Old servers and proxies answer so."""
    reply = await ask("any", endpoint.raw_url + "/until-close")
    assert isinstance(reply, Reply)
    assert reply.text == "Hello"


async def test_a_port_where_nobody_listens_is_a_failed_connection(endpoint, ask):
    """The failure names the address."""
    failure = await ask("any", endpoint.closed_url)
    assert isinstance(failure, Failure)
    assert failure.kind == "connection"
    assert "127.0.0.1" in failure.error


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        ("silent", {"first_token_s": 0.2}, "wrote nothing within 0.2 s"),
        ("silent-after-headers", {"first_token_s": 0.2}, "wrote nothing within 0.2 s"),
        ("keep-alive-only", {"first_token_s": 0.2}, "wrote nothing within 0.2 s"),
        ("silent-inside", {"silence_s": 0.2}, "nothing more within 0.2 s"),
        ("keep-alive-inside", {"silence_s": 0.2}, "nothing more within 0.2 s"),
        ("endless", {"first_token_s": 1.0, "attempt_s": 1.2}, "no complete answer within 1.2 s"),
        ("silent", {"attempt_s": 0.2}, "no complete answer within 0.2 s"),
        ("silent", {"stream": False, "attempt_s": 0.2}, "no complete answer within 0.2 s"),
        ("endless", {"stream": False, "attempt_s": 0.2}, "no complete answer within 0.2 s"),
    ],
)
async def test_each_patience_has_its_end(ask, model, settings, said):
    """Comments don't count as an answer, content does, and nothing lasts for ever."""
    failure = await ask(model, **settings)
    assert isinstance(failure, Failure), failure
    assert (failure.kind, said in failure.error) == ("timeout", True), failure


async def test_silence_after_the_finish_reason_is_no_failure(ask):
    """The reply is complete; only the usage is missing."""
    reply = await ask("silent-after-finish", silence_s=0.2)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.usage) == ("Hello", None)


async def test_silence_after_an_error_does_not_hide_the_error(ask):
    """The server said what went wrong, and then nothing more."""
    failure = await ask("error-and-silence", silence_s=0.2)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.error) == ("server", "oh")


@pytest.mark.parametrize("model", ["huge-chunk", "endless", "nested"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_taken_only_up_to_its_bound(ask, model, stream):
    """One long line, many short ones or a document."""
    failure = await ask(model, stream=stream, reply_bytes=2_000)
    assert isinstance(failure, Failure)
    assert failure.kind == "bad_reply"
    assert "larger than 2,000 bytes" in failure.error


@pytest.mark.parametrize(
    ("model", "least", "most"),
    [
        ("after-seconds", 7.0, 7.0),
        ("after-milliseconds", 1.5, 1.5),
        ("after-a-past-date", 0.0, 0.0),
        ("status-503", 3.0, 3.0),
    ],
)
async def test_the_pause_that_an_endpoint_asks_for_is_in_the_failure(ask, model, least, most):
    """In seconds, in milliseconds, or until a moment."""
    failure = await ask(model)
    assert isinstance(failure, Failure)
    assert least <= (failure.retry_after_s or 0.0) <= most


@pytest.mark.parametrize(
    "model",
    ["status-429", "after-ages", "after-a-date", "after-less-than-nothing", "after-nonsense"],
)
async def test_a_pause_that_makes_no_sense_is_none(ask, model):
    """Then it is up to us how long to wait."""
    failure = await ask(model)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retry_after_s) == ("rate_limit", None)


async def test_usage_and_the_name_of_the_request_are_kept_with_a_failure(ask):
    """What a lost reply cost is counted, and its operator can look it up."""
    failure = await ask("only-thinks")
    assert isinstance(failure, Failure)
    assert failure.usage == Usage(input=20, output=7, cached=16, reasoning=3)
    assert failure.request_id == "req-1"
    refused = await ask("status-503")
    assert isinstance(refused, Failure)
    assert (refused.request_id, refused.status) == ("req-1", 503)


async def test_a_reply_has_usage_and_times(ask):
    """The first token comes between the start and the end."""
    reply = await ask("good")
    assert isinstance(reply, Reply)
    assert reply.usage == Usage(input=20, output=7, cached=16, reasoning=3)
    times = reply.times
    assert times is not None
    assert times.first_token is not None
    assert seconds(times.started) <= seconds(times.first_token) <= seconds(times.finished)


async def test_a_request_goes_out_as_it_was_encoded(endpoint, client):
    """Messages, tools and sampling are where the API wants them, and the key is in its header."""
    request = Request("good", (USER,), b'[{"type":"function"}]', {"temperature": 0.5})
    async with chat(endpoint.url, client=client) as model:
        await model.reply(request)
    assert endpoint.bodies[-1] == {
        "model": "good",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function"}],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert endpoint.headers[-1]["Authorization"] == "Bearer key"
    assert endpoint.headers[-1]["Content-Type"] == "application/json"


async def test_a_connection_is_used_again_after_a_good_answer(endpoint, client):
    """Also after one whose error was read to its end."""
    async with chat(endpoint.url, client=client) as model:
        used = set()
        whole = "good" if client == "sdk" else "good-whole"
        for name in ("good", "status-429", whole, "good"):
            try:
                await model.reply(Request(name, (USER,)))
            except EndpointError:
                assert name == "status-429"
            (idle,) = connector(model)._conns.values()
            used |= {protocol for protocol, _ in idle}
    assert len(used) == 1


async def test_a_connection_that_was_left_in_the_middle_is_not_used_again(endpoint, client):
    """Its rest would be read as the beginning of the next answer."""
    async with chat(endpoint.url, client=client) as model:
        await model.reply(Request("never-closes", (USER,)))
        assert not any(connector(model)._conns.values())
        reply = await model.reply(Request("good", (USER,)))
    assert reply.text == "Hello"


async def test_many_requests_are_in_flight_at_once(endpoint, client):
    """As many as there may be connections."""
    replies: list[Reply] = []

    async def one(model: Any) -> None:
        replies.append(await model.reply(Request("good", (USER,))))

    async with (
        chat(endpoint.url, client=client, connections=32) as model,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(32):
            tasks.start_soon(one, model)
    assert [reply.text for reply in replies] == ["Hello"] * 32


@pytest.mark.parametrize("model", ["silent", "keep-alive-inside", "endless"])
async def test_cancellation_comes_through_and_leaves_nothing_behind(endpoint, client, model):
    """Whoever cancels a session does not get a failure instead."""
    async with chat(endpoint.url, client=client) as connected:
        with anyio.move_on_after(0.2) as scope:
            await connected.reply(Request(model, (USER,)))
        assert scope.cancelled_caught
