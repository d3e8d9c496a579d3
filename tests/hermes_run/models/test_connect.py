"""Who asks, where and through what: keys, organisations, headers, Azure and proxies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hermes_run.config import Client
from hermes_run.errors import EndpointError, UsageError
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.connect import address_of
from hermes_run.models.protocol import Reply, Request

USER = b'{"role":"user","content":"Hi"}'
CHOICE = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}
CHUNK = {"id": "1", "model": "real-name", "choices": [CHOICE]}
STREAM = b"data: " + json.dumps(CHUNK).encode() + b"\n\ndata: [DONE]\n\n"
VARIABLES = (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_TYPE", "OPENAI_API_VERSION"),
    *("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS", "AZURE_OPENAI_ENDPOINT"),
    *("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)


class Server(msgspec.Struct):
    """A server that answers whatever it is asked, or a proxy; and what it was asked."""

    url: str
    port: int
    asked: list[str] = []
    headers: list[dict[str, str]] = []
    more: bytes = b""
    moved_to: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines if line)
        self.asked.append(first.removesuffix(" HTTP/1.1"))
        self.headers.append(fields)
        await reader.readexactly(int(fields.get("content-length", 0)))
        status = b"502 no" if first.startswith("CONNECT") else b"200 OK"
        length = b"Content-Length: %d\r\nConnection: close" % len(STREAM)
        kind = b"Content-Type: text/event-stream\r\n" + self.more
        if self.moved_to and "/v1/" in first:
            status, kind = b"307 gone", b"%bLocation: %b\r\n" % (kind, self.moved_to.encode())
        writer.write(b"HTTP/1.1 %b\r\n%b%b\r\n\r\n%b" % (status, kind, length, STREAM))
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Run it beside the test."""
    running = Server("", 0)
    async with await asyncio.start_server(running.answer, "127.0.0.1", 0) as listening:
        running.port = listening.sockets[0].getsockname()[1]
        running.url = f"http://127.0.0.1:{running.port}"
        yield running


@pytest.fixture(autouse=True)
def clean(monkeypatch) -> None:
    """Whatever is set on the machine that tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["fast", "sdk"])
def client(request) -> Client:
    """Both clients: what is true of one is true of the other."""
    return request.param


async def ask(model: str = "m", **settings: Any) -> Reply:
    """Ask for one reply."""
    async with open_chat(Endpoint(**settings)) as connected:
        return await connected.reply(Request(model, (USER,)))


async def test_who_asks_is_said_as_the_sdk_reads_it(server, client, monkeypatch):
    """Key, organisation, project and headers of one's own come from its variables."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: red")
    reply = await ask(base_url=f"{server.url}/v1", client=client)
    (headers,) = server.headers
    assert reply.text == "Hello"
    assert server.asked == ["POST /v1/chat/completions"]
    assert headers["authorization"] == "bearer sk-1"
    assert headers["openai-organization"] == "org-1"
    assert headers["openai-project"] == "proj-1"
    assert headers["x-team"] == "red"


async def test_a_request_that_is_repeated_says_what_the_first_one_said(server, monkeypatch):
    """But for how long its body is, and cookies that came meanwhile."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: red")
    server.more = b"Set-Cookie: place=7; Path=/\r\n"
    async with open_chat(Endpoint(f"{server.url}/v1?q=1", "sk-1")) as connected:
        await connected.reply(Request("m", (USER,)))
        await connected.reply(Request("m", (USER, USER)))
    first, second = server.headers
    assert server.asked[0] == server.asked[1]
    assert int(first.pop("content-length")) < int(second.pop("content-length"))
    assert second.pop("cookie") == "place=7"
    assert second == first


async def test_where_requests_are_sent_elsewhere_each_begins_anew(server, client):
    """An endpoint that moved is asked again where it was: it may be elsewhere next time."""
    server.moved_to = f"{server.url}/v2/chat/completions"
    async with open_chat(Endpoint(f"{server.url}/v1", "sk-1", client=client)) as connected:
        for _ in range(2):
            await connected.reply(Request("m", (USER,)))
    assert server.asked == ["POST /v1/chat/completions", "POST /v2/chat/completions"] * 2


async def test_the_address_may_come_from_the_variable(server, client, monkeypatch):
    """As it does with everything that stands on the SDK."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v2")
    await ask(api_key="k", client=client)
    assert server.asked == ["POST /v2/chat/completions"]


async def test_azure_is_asked_at_the_path_of_the_deployment(server, client, monkeypatch):
    """Its variables say that it is Azure, as long as nothing else is named."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2026-01-01")
    reply = await ask("gpt 4o/x", client=client)
    path = "/openai/deployments/gpt%204o%2Fx/chat/completions?api-version=2026-01-01"
    assert (reply.text, server.asked) == ("Hello", [f"POST {path}"])
    assert server.headers[0]["api-key"] == "azure-1"


async def test_azure_takes_a_token_and_an_address_with_a_deployment(server, client, monkeypatch):
    """It is Azure because the type says so; the key for others is left alone."""
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2026-01-01")
    url = f"{server.url}/openai/deployments/mine"
    await ask(base_url=url, api_key="sk-1", client=client)
    path = "/openai/deployments/mine/chat/completions?api-version=2026-01-01"
    assert server.asked == [f"POST {path}"]
    assert server.headers[0]["authorization"] == "bearer token-1"
    assert "api-key" not in server.headers[0]


async def test_what_azure_needs_is_said(client, monkeypatch):
    """The error names the variables."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UsageError, match="OPENAI_API_VERSION"):
        await ask(client=client)
    monkeypatch.setenv("OPENAI_API_VERSION", "2026-01-01")
    with pytest.raises(UsageError, match="AZURE_OPENAI_API_KEY"):
        await ask(client=client)


async def test_a_server_of_ones_own_is_not_azure(server, client, monkeypatch):
    """What was typed goes before a variable that is set for something else."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:1")
    await ask(base_url=server.url, api_key="k", client=client)
    assert server.asked == ["POST /chat/completions"]


# what the SDK's transport uses of aiohttp
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'proxy_auth' parameter:DeprecationWarning")
async def test_requests_go_through_the_proxy_of_the_environment(server, client, monkeypatch):
    """With the proxy's own name and password; the endpoint need not be known here."""
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{server.port}")
    reply = await ask(base_url="http://model.invalid/v1", api_key="k", client=client)
    assert reply.text == "Hello"
    assert server.asked == ["POST http://model.invalid/v1/chat/completions"]
    assert server.headers[0]["proxy-authorization"].startswith("basic ")


async def test_a_proxy_is_asked_for_a_tunnel_where_the_endpoint_is_encrypted(
    server, client, monkeypatch
):
    """One that gives none is a connection that failed."""
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    with pytest.raises(EndpointError) as raised:
        await ask(base_url="https://model.invalid/v1", api_key="k", client=client)
    assert server.asked == ["CONNECT model.invalid:443"]
    assert (raised.value.failure.verdict, "502" in str(raised.value)) == ("retry", True)


async def test_what_needs_no_proxy_gets_none(server, client, monkeypatch):
    """A server of one's own, mostly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await ask(base_url=server.url, api_key="k", client=client)
    assert server.asked == ["POST /chat/completions"]


@pytest.mark.parametrize(
    ("endpoint", "variables", "address"),
    [
        (Endpoint("http://a/v1"), {"AZURE_OPENAI_ENDPOINT": "http://b"}, "http://a/v1"),
        (Endpoint(), {"AZURE_OPENAI_ENDPOINT": "http://b"}, "http://b"),
        (Endpoint(), {"OPENAI_BASE_URL": "http://c"}, "http://c"),
        (Endpoint(), {"OPENAI_API_TYPE": "azure"}, "azure"),
        (Endpoint(), {}, "https://api.openai.com/v1"),
    ],
)
def test_the_address_is_known_wherever_it_comes_from(endpoint, variables, address, monkeypatch):
    """Rows say who answered."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert address_of(endpoint) == address
