"""Which URLs and addresses may be fetched.

The addresses at which clouds give out the credentials of their machines are refused, with all
link-local ones among which most of them are. What a name means is found out by the system's own
resolver, which also reads the odd spellings of numbers; it is the answer that is judged. Pure.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from yarl import URL

URL_CHARACTERS = 8_000

_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)

# Networks whose addresses hold one of version 4 in their last 32 bits.
_CARRIERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))

_OURSELVES = ip_address("::1")


def read_url(text: str, base: URL | None = None) -> URL | str:
    """Read a URL that may be asked for, also one relative to *base*; a string says why not."""
    if len(text) > URL_CHARACTERS:
        return f"a URL has at most {URL_CHARACTERS} characters"
    try:
        url = URL(text.strip())
        url = base.join(url) if base is not None else url
        host, port = url.host, url.port
    except ValueError as error:
        return f"this is no URL ({error})"
    if url.scheme not in {"http", "https"}:
        return "only http:// and https:// are fetched"
    if not host or port is None:
        return "the URL has no host"
    if url.user is not None or url.password is not None:
        return "URLs with a user name or a password are not fetched"
    why = refused(host)
    return url if why is None else why


def refused(address: str) -> str | None:
    """Say why an address is not connected to, or nothing; names are no addresses."""
    try:
        found = ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return None
    each = [found, *_within(found)]
    if any(one in _METADATA or one.is_link_local for one in each):
        return f"{address} is a link-local or metadata address, which is never fetched"
    if any(one.is_multicast or one.is_unspecified for one in each):
        return f"{address} is the address of no host"
    return None


def _within(found: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """Give the addresses of version 4 that one of version 6 leads to."""
    if isinstance(found, IPv4Address) or found == _OURSELVES:
        return []
    carried = [IPv4Address(int(found) & 0xFFFFFFFF) for net in _CARRIERS if found in net]
    return carried + [one for one in (found.sixtofour, *(found.teredo or ())) if one is not None]
