"""Fetch a page: bounded in time, in bytes before and after unpacking, and in redirects.

Each hop is checked, and the connection goes to the addresses that were checked: the name is not
looked up a second time.
"""

from __future__ import annotations

import asyncio
import socket
import zlib

import aiohttp
import anyio
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hermes_run.tools.pages.addresses import read_url, refused
from hermes_run.tools.pages.inflate import Inflater

REDIRECTS = 5
BODY_BYTES = 4 * 1024 * 1024
CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}

_HEADERS = {
    "User-Agent": "hermes-run (web_fetch)",
    "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,*/*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}


class Page(msgspec.Struct, frozen=True):
    """What a server answered: its status, the head of its body, and what kind that is.

    ``cut`` says that the body goes on; ``size`` is its length where the server said it.
    """

    url: str
    status: int
    reason: str
    kind: str
    charset: str | None
    body: bytes
    cut: bool = False
    size: int | None = None


class NotFetched(msgspec.Struct, frozen=True):
    """Why there is no page."""

    text: str
    timed_out: bool = False


class _Forbidden(OSError):
    """A name leads to an address that is never fetched."""


class _Resolver(AbstractResolver):
    """Looks names up as the system does, and gives only answers that may be connected to."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            why = refused(address)
            if why is not None:
                raise _Forbidden(why)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=entry[0],
                proto=entry[2],
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for entry, address in zip(found, addresses, strict=True)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def fetch(address: str, timeout_s: float) -> Page | NotFetched:
    """Get the page at *address*, following redirects; nothing that a server does is raised."""
    url = read_url(address)
    if isinstance(url, str):
        return NotFetched(url)
    try:
        with anyio.fail_after(timeout_s):
            async with _session() as session:
                return await _follow(session, url)
    except TimeoutError:
        return NotFetched(f"no whole answer within {timeout_s:g} s", timed_out=True)
    except aiohttp.ClientConnectorError as error:
        return NotFetched(_unreachable(error))
    except zlib.error as error:
        return NotFetched(f"what the server sent can't be unpacked ({error})")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return NotFetched(f"the server's answer can't be used ({str(error)[:300] or repr(error)})")


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(), use_dns_cache=False, force_close=True, limit=4
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
    )


async def _follow(session: aiohttp.ClientSession, url: URL) -> Page | NotFetched:
    for _ in range(REDIRECTS + 1):
        async with session.get(url, allow_redirects=False) as response:
            location = response.headers.get("Location")
            if response.status not in {301, 302, 303, 307, 308} or not location:
                return await _read(response)
        following = read_url(location, url)
        if isinstance(following, str):
            return NotFetched(f"{url} redirects to {location[:200]!r}: {following}")
        url = following
    return NotFetched(f"more than {REDIRECTS} redirects, the last one to {url}")


async def _read(response: aiohttp.ClientResponse) -> Page | NotFetched:
    """Read the body, as far as it is wanted."""
    said = response.headers.get("Content-Encoding", "").strip().lower()
    if said not in CODINGS:
        return NotFetched(f"the server packs its answer in a way that was not asked for ({said})")
    # One byte more tells whether there is more.
    inflater = Inflater(CODINGS[said], BODY_BYTES + 1)
    parts: list[bytes] = []
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        parts.append(inflater.feed(chunk))
        if inflater.left <= 0 or received > BODY_BYTES:
            break
    body = b"".join(parts)
    cut = inflater.left <= 0 or received > BODY_BYTES
    return Page(
        url=str(response.url),
        status=response.status,
        reason=(response.reason or "")[:100],
        kind=response.content_type.lower() if "Content-Type" in response.headers else "",
        charset=response.charset,
        body=body[:BODY_BYTES],
        cut=cut,
        size=response.content_length if not said else None,
    )


def _unreachable(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error.os_error, _Forbidden):
        return str(error.os_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"there is no host {error.host!r}; check the name"
    return f"no connection to {error.host} on port {error.port} ({error.os_error})"
