"""Servers over streamable HTTP: the same tools, and a server that is down hurts a call at most."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from anyio.abc import Process

from hermes_run.errors import UsageError
from hermes_run.tools.mcp import web
from hermes_run.tools.mcp.client import Patience
from hermes_run.tools.tool import Bounds

HERE = Path(__file__).parent
Site = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def port() -> int:
    """Give a port of ours that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def site(port: int) -> Site:
    """Run the server made with the SDK at the port, until it answers."""

    @asynccontextmanager
    async def run(*how: str) -> AsyncIterator[Process]:
        command = [sys.executable, str(HERE / "served.py"), str(port), *how]
        async with await anyio.open_process(command, stdout=None, stderr=None) as process:
            try:
                with anyio.fail_after(240):
                    await reachable(port)
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    return run


async def reachable(port: int) -> None:
    """Wait until somebody listens."""
    while True:
        try:
            async with await anyio.connect_tcp("127.0.0.1", port):
                return
        except OSError:
            await anyio.sleep(0.05)


@pytest.fixture
def entry(port: int) -> Callable[..., dict[str, Any]]:
    """Write the entry of the server at the port."""

    def make(path: str = "/mcp", **more: Any) -> dict[str, Any]:
        return {"type": "streamable-http", "url": f"http://127.0.0.1:{port}{path}", **more}

    return make


@pytest.mark.parametrize("how", [(), ("json",)])
async def test_tools_over_http_are_as_over_pipes(opened, site, entry, ask, how):
    """Listed over pages, called, failing, too long; whether answers are streams or documents."""
    async with site(*how), opened({"a": entry()}) as servers:
        assert len(servers["a"].tools) == 16
        assert json.loads((await ask(servers, "echo", zone="a")).content) == {"zone": "a"}
        assert (await ask(servers, "fail")).status == "error"
        assert "not today" in (await ask(servers, "refuse")).content
        assert (await ask(servers, "huge")).bytes == 200_000
        flood = await ask(servers, "flood")
        assert flood.status == "error"
        assert (await ask(servers, "count")).content == "6"


async def test_a_server_that_is_down_is_an_error_of_each_call_and_then_there_again(
    opened, site, entry, ask, caplog
):
    """It is not given up: who runs it will start it again."""
    async with site() as process, opened({"a": entry()}) as servers:
        died = await ask(servers, "die")
        assert died.status == "error"
        await process.wait()
        for _ in range(8):
            down = await ask(servers, "count")
            assert "can't be reached" in down.content
        async with site():
            assert (await ask(servers, "count")).content == "1"


async def test_a_call_over_http_at_its_limit_is_cancelled(opened, site, entry, ask, context):
    """The server is told, and the others go on."""
    brief = msgspec.structs.replace(context, bounds=Bounds(1.5, 4_000))
    async with site(), opened({"a": entry()}) as servers:
        assert (await ask(servers, "wait", within=brief)).status == "timeout"
        assert (await ask(servers, "waited")).content == "1"


async def test_many_sessions_share_one_client_over_http(opened, site, entry, context):
    """Each gets the answer to its own question."""
    answers: dict[int, str] = {}
    async with site(), opened({"a": entry()}) as servers:
        echo = servers["a"].tools[0]

        async def session(number: int) -> None:
            answers[number] = (await echo.run({"zone": number}, context)).content

        async with anyio.create_task_group() as sessions:
            for number in range(32):
                sessions.start_soon(session, number)
    assert answers == {number: f'{{"zone": {number}}}' for number in range(32)}


@pytest.mark.parametrize("path", ["/mcp", "/other"])
async def test_a_server_that_is_not_there_stops_the_run_before_it_begins(
    opened, site, entry, path, port
):
    """Nobody at the port, or nothing at the path."""
    if path == "/mcp":
        with pytest.raises(UsageError, match=r"server 'a' can't be used: it can't be reached"):
            await enter(opened({"a": entry()}))
        return
    async with site():
        with pytest.raises(UsageError, match=r"server 'a' can't be used: .*Not Found"):
            await enter(opened({"a": entry(path)}))


async def enter(opening: AbstractAsyncContextManager[Any]) -> None:
    """Enter and leave it."""
    async with opening:
        pass


class Stub:
    """An HTTP server of the older protocol that does what no good server does, on a port."""

    def __init__(self) -> None:
        self.sessions = 0
        self.known = ""
        self.headers: list[str] = []
        self.how = ""

    async def answer(self, stream: Any) -> None:
        """Answer the requests of one connection."""
        async with stream:
            try:
                while request := await self._request(stream):
                    await stream.send(self._respond(*request))
                    if "cut" in self.how and b"tools/call" in request[1]:
                        return
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

    async def _request(self, stream: Any) -> tuple[str, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            received += await stream.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        text = head.decode().lower()
        size = int(text.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        while len(body) < size:
            body += await stream.receive()
        self.headers.append(text)
        return text, body

    def _respond(self, head: str, body: bytes) -> bytes:
        message = json.loads(body) if body else {}
        method, number = message.get("method", ""), message.get("id")
        given = head.partition("mcp-session-id: ")[2].partition("\r\n")[0]
        if not head.startswith("post"):
            return respond(405)
        if self.how == "400 cut":
            return respond(400, b"{", size=99)
        if self.how == "gzip":
            return respond(200, b"surely not packed", "application/json\r\ncontent-encoding: gzip")
        if self.how.isdigit():
            return respond(int(self.how))
        if given and given != self.known:
            says = self.how.partition(" ")[2] or "not found"
            return respond(404 if self.how != "400 session" else 400, says.encode(), "text/plain")
        if number is None:
            return respond(202)
        if method == "initialize":
            self.sessions += 1
            self.known = f"s{self.sessions}"
        if method == "tools/call" and self.how == "cut":
            return respond(200, b'{"jsonrpc": ', size=99)
        return respond(200, json.dumps(self._result(method, number)).encode(), session=self.known)

    def _result(self, method: str, number: Any) -> dict[str, Any]:
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "serverInfo": {"name": "stub", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "x", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": f"of {self.known}"}]},
        }
        if method not in results:
            return {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}
        return {"jsonrpc": "2.0", "id": number, "result": results[method]}


def respond(
    status: int, body: bytes = b"", kind: str = "application/json", session="", size=None
) -> bytes:
    """Write a response."""
    lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}"]
    lines += [f"content-length: {len(body) if size is None else size}"]
    lines += [f"mcp-session-id: {session}"] * bool(session)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def stub(port: int) -> AsyncIterator[Stub]:
    """Serve a stub at the port."""
    made = Stub()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, made.answer)
        yield made
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["", "400 session"])
async def test_a_session_that_is_not_known_any_more_is_begun_anew(opened, stub, entry, ask, how):
    """The call that found out is sent again: it was not run. Some servers say 400."""
    async with opened({"a": entry()}) as servers:
        assert (await ask(servers, "x")).content == "of s1"
        stub.known, stub.how = "another", how
        assert (await ask(servers, "x")).content == "of s2"
        assert servers.notices() == ["the MCP server a was lost once"]


async def test_an_answer_that_breaks_the_sdk_costs_one_connection(opened, stub, entry, ask):
    """What nobody foresaw ends the call, and the next one has a new connection."""
    async with opened({"a": entry()}) as servers:
        stub.how = "gzip"
        output = await ask(servers, "x")
        assert output.status == "error"
        assert "the MCP server a is gone: it was lost during this call" in output.content
        stub.how = ""
        assert (await ask(servers, "x")).content == "of s2"
        assert servers.notices() == ["the MCP server a was lost once"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("400 cut", "Server returned an error response"),
        ("401", "it refuses us: HTTP 401"),
        ("403", "it refuses us: HTTP 403"),
        ("400", "Server returned an error response"),
        ("500", "Server returned an error response"),
        ("cut", "Failed to parse JSON response"),
    ],
)
async def test_a_refusal_is_an_error_of_the_call(opened, stub, entry, ask, how, said):
    """The next call is as ever."""
    async with opened({"a": entry()}) as servers:
        stub.how = how
        output = await ask(servers, "x")
        assert (output.status, said in output.content) == ("error", True)
        assert "further information" not in output.content
        stub.how = ""
        assert (await ask(servers, "x")).content == "of s1"


async def test_headers_reach_the_server_and_no_text(opened, stub, entry, monkeypatch, caplog):
    """A key that the server repeats is withheld."""
    monkeypatch.setenv("OUR_TOKEN", "tok-123456789")
    given = entry(headers={"Authorization": "Bearer ${OUR_TOKEN}"})
    async with opened({"a": given}):
        pass
    assert any("authorization: bearer tok-123456789" in head for head in stub.headers)
    stub.how = "401"
    with pytest.raises(UsageError) as raised:
        await enter(opened({"a": given}, patience=Patience(start_s=60)))
    assert "tok-123456789" not in str(raised.value) + caplog.text


async def test_a_server_that_never_answers_is_given_up_at_its_time(opened, entry, port):
    """Over HTTP as over pipes."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port):
        with pytest.raises(UsageError, match=r"it was not ready within 0.2 s"):
            await enter(opened({"a": entry()}, patience=Patience(start_s=0.2)))


def test_requests_are_patient_enough_for_long_calls():
    """The silence of a server is bounded by its own limit, where it has one."""
    assert web.READ_S > web.CONNECT_S
