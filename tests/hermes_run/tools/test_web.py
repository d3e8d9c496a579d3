"""Fetching pages from a server on 127.0.0.1, honest or not."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import msgspec
import pytest
from anyio.abc import SocketStream

from hermes_run.tools.call import execute
from hermes_run.tools.pages import client
from hermes_run.tools.tool import Bounds, Output
from hermes_run.tools.toolbox import make_toolbox
from hermes_run.tools.web import web_fetch
from recorder.messages import ToolCall

Answer = bytes | Callable[[SocketStream], Awaitable[None]]


class Site:
    """A server that gives the same bytes to every question for a path."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[bytes] = []
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Give the address of a page."""
        return f"http://{host}:{self.port}{path}"

    def has(self, path: str, body: bytes, kind: str = "text/html", more: str = "") -> str:
        """Put a page there, and give its address."""
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        )
        self.pages[path] = head.encode() + body
        return self.url(path)

    def answers(self, path: str, answer: Answer) -> str:
        """Answer with these bytes, or as the function does."""
        self.pages[path] = answer
        return self.url(path)

    async def serve(self, stream: SocketStream) -> None:
        """Answer one request and hang up."""
        async with stream:
            question = await stream.receive()
            self.asked.append(question)
            answer = self.pages.get(question.split(b" ")[1].decode(), b"HTTP/1.1 404 Gone\r\n\r\n")
            try:
                await (stream.send(answer) if isinstance(answer, bytes) else answer(stream))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Run a server on a free port."""
    found = Site()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    found.port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, found.serve)
        yield found
        group.cancel_scope.cancel()


@pytest.fixture
def fetch(context):
    """Call the tool as a model does."""
    toolbox = make_toolbox([web_fetch])

    async def call(url: str, within=context, **more) -> Output:
        raw = json.dumps({"url": url, **more})
        return await execute(ToolCall("call_1", "web_fetch", raw), toolbox, within)

    return call


async def test_a_page_is_fetched_as_text(fetch, site):
    """Nothing is sent along but what a request needs."""
    url = site.has("/a", b"<h1>Head</h1><p>See <a href=b>there</a>.")
    output = await fetch(url)
    assert (output.content, output.status) == (f"# Head\n\nSee [there]({site.url('/b')}).", "ok")
    (asked,) = site.asked
    names = {line.split(b":")[0].lower() for line in asked.split(b"\r\n")[1:] if line}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}


async def test_a_long_page_comes_in_parts(fetch, site):
    """Each says where to go on, also where there is little room for output."""
    url = site.has("/a", "".join(f"{n:03}é " for n in range(1000)).encode(), "text/plain")
    first = await fetch(url, limit=10)
    assert first.content == "000é 001é \n[characters 0-10 of 5000; go on with offset=10]"
    assert (await fetch(url, offset=4995)).content == "999é \n[characters 4995-5000 of 5000]"
    whole = await fetch(url, offset="5")
    assert whole.bytes is None
    assert len(whole.content.encode()) <= 4000
    assert "There is nothing at 5000" in (await fetch(url, offset=5000)).content


async def test_redirects_are_followed_and_said(fetch, site):
    """A few of them."""
    site.has("/end", b"done", "text/plain")
    for n in range(6):
        to = "/end" if n == 5 else f"/{n + 1}"
        site.answers(f"/{n}", f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode())
    output = await fetch(site.url("/1"))
    assert output.content == f"done\n[from {site.url('/end')}]"
    output = await fetch(site.url("/0"))
    assert (output.status, "more than 5 redirects" in output.content) == ("error", True)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://0xa9fea9fe/", "169.254.169.254 is a link-local"),
        ("http://2852039166/", "not a canonical IPv4 address"),
        ("http://0251.0376.0251.0376/", "not a canonical IPv4 address"),
        ("http://[::ffff:a9fe:a9fe]/", "link-local"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("http://user@127.0.0.1/", "user name"),
        ("http://[", "no URL"),
    ],
)
async def test_no_address_that_is_refused_is_reached(fetch, site, said, location, reason):
    """Asked for by itself or by way of a redirect, however it is spelled."""
    site.answers("/a", f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\n\r\n".encode())
    for url in (location, site.url("/a")):
        output = await fetch(url)
        assert output.status == "error"
        assert reason in said(output)


async def test_the_address_that_was_checked_is_the_one_that_is_asked(
    fetch, site, said, monkeypatch
):
    """A name that leads elsewhere the second time is looked up once; one bad answer is enough."""
    answers = [["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"]]

    async def look_up(_loop, _host, port, **_):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers.pop(0)
        ]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", look_up)
    site.has("/a", b"here", "text/plain")
    url = site.url("/a", "rebinding.test")
    assert (await fetch(url)).content == "here"
    assert len(answers) == 2
    assert "never fetched" in said(await fetch(url))
    assert "never fetched" in said(await fetch(url))
    assert len(site.asked) == 1


async def test_a_packed_page_is_unpacked_as_far_as_it_is_wanted(fetch, site, monkeypatch):
    """A bomb is read up to the limit, and it is said."""
    monkeypatch.setattr(client, "BODY_BYTES", 1000)
    small = site.has("/a", gzip.compress(b"x" * 1000), "text/plain", "Content-Encoding: gzip\r\n")
    assert (await fetch(small)).content == "x" * 1000
    bomb = gzip.compress(b"x" * 50_000_000)
    url = site.has("/b", bomb, "text/plain", "Content-Encoding: gzip\r\n")
    assert (
        await fetch(url)
    ).content == "x" * 1000 + "\n[only the first part of the page was fetched]"


async def test_an_endless_page_is_read_as_far_as_it_is_wanted(fetch, site, monkeypatch):
    """The connection is closed then."""
    monkeypatch.setattr(client, "BODY_BYTES", 99_999)

    async def endless(stream):
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            await stream.send(b"<p>" * 10_000)

    output = await fetch(site.answers("/a", endless))
    assert output.content == (
        "\n[the page has no text; a script may write it in a browser]"
        "\n[only the first part of the page was fetched]"
    )


async def test_a_server_that_does_not_answer_is_left(fetch, context, said, site):
    """At the time limit of the call, whatever it has sent by then."""

    async def drip(stream):
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await anyio.sleep_forever()

    little = msgspec.structs.replace(context, bounds=Bounds(timeout_s=0.3))
    output = await fetch(site.answers("/a", drip), little)
    assert output.status == "timeout"
    assert "no whole answer within 0.3 s" in said(output)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answered 404 Not Found: there is no such page"),
        (
            b"HTTP/1.1 401 No\r\n\r\n<p>Log in",
            "401 No: it wants a login, which there is not. It says",
        ),
        (b"HTTP/1.1 418 Tea\r\n\r\n", "418 Tea: try another address"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "503 Busy: try again later"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "302 Found: try another address"),
        (b"HTTP/1.1 404 No\r\nContent-Type: image/png\r\n\r\n\x89PNG", "404 No: there is no such"),
        (b"garbage\r\n\r\n", "can't be used"),
        (b"", "can't be used"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "can't be used"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", "can't be used"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx\xff\xff", "can't be unpacked"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx", "was not asked for (br)"),
    ],
)
async def test_what_goes_wrong_is_said(fetch, said, site, answer, reason):
    """With the status, and what to try."""
    output = await fetch(site.answers("/a", answer))
    assert output.status == "error"
    assert reason in said(output)


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("application/pdf", b"%PDF-1.7\0", "is no text: application/pdf: PDF document, 9 bytes"),
        ("image/png", b"\x89PNG\r\n\x1a\n", "is no text: image/png: PNG image, 8 bytes"),
    ],
)
async def test_what_is_no_text_is_described(fetch, site, kind, body, told):
    """And not shown."""
    output = await fetch(site.has("/a", body, kind))
    assert (output.status, told in output.content) == ("ok", True)


async def test_hosts_that_are_not_there_are_named(fetch, said):
    """No such name, and nobody behind a port."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    output = await fetch(f"http://127.0.0.1:{port}/")
    assert f"no connection to 127.0.0.1 on port {port}" in said(output)


async def test_a_name_that_means_nothing_is_said(fetch, said, monkeypatch):
    """The resolver is asked and knows none."""

    async def look_up(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", look_up)
    assert "there is no host 'nowhere.test'" in said(await fetch("http://nowhere.test/"))
