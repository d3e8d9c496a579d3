"""Which URLs and addresses are fetched."""

from __future__ import annotations

import gzip
import zlib

import pytest
from yarl import URL

from hermes_run.tools.pages.addresses import read_url, refused
from hermes_run.tools.pages.inflate import Inflater


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_addresses_of_metadata_and_of_no_host_are_refused(address):
    """However they are wrapped."""
    assert refused(address) is not None


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34", "2606:4700::1111", "example.org"]
)
def test_other_addresses_and_names_are_not(address):
    """What a name means is judged when it is looked up."""
    assert refused(address) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://a/b", "only http:// and https://"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("example.org", "only http:// and https://"),
        ("javascript:alert(1)", "only http:// and https://"),
        ("", "only http:// and https://"),
        ("http://", "host"),
        ("http:///x", "host"),
        ("http://a:b@example.org/", "user name"),
        ("http://a@example.org/", "user name"),
        ("http://[::1", "no URL"),
        ("http://a:99999/", "no URL"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://a/" + "x" * 9000, "at most"),
    ],
)
def test_urls_that_are_not_fetched_say_why(text, reason):
    """Other schemes, credentials, addresses that are refused, and what is none."""
    found = read_url(text)
    assert isinstance(found, str)
    assert reason in found


def test_urls_are_read_and_joined():
    """A relative one goes on from where it was found."""
    assert read_url(" https://Example.org/a ") == URL("https://example.org/a")
    assert read_url("../c?d", URL("http://a/b/x")) == URL("http://a/c?d")
    assert read_url("//b/x", URL("https://a/")) == URL("https://b/x")


RAW = zlib.compressobj(wbits=-15)
HALF = gzip.compress(b"text" * 50, mtime=0)
DEFLATED = RAW.compress(b"text" * 100) + RAW.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("", b"text" * 100),
        ("gzip", gzip.compress(b"text" * 100, mtime=0)),
        ("gzip", HALF + gzip.compress(b"", mtime=0) + HALF),
        ("deflate", zlib.compress(b"text" * 100)),
        ("deflate", DEFLATED),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_is_unpacked_in_pieces_of_any_size(coding, packed, size):
    """As it was sent, with its header or without."""
    inflater = Inflater(coding, 1000)
    made = b"".join(inflater.feed(packed[at : at + size]) for at in range(0, len(packed), size))
    assert made == b"text" * 100
    assert inflater.left == 600


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_no_more_is_unpacked_than_there_is_room_for(coding):
    """A bomb of a hundred megabytes gives the bytes that were asked for."""
    body = b"\0" * 100_000_000
    inflater = Inflater(coding, 1000)
    assert inflater.feed(gzip.compress(body, 1) if coding else body) == b"\0" * 1000
    assert inflater.feed(b"more") == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_not_packed_as_it_says_is_an_error(coding):
    """From the start, or in the middle."""
    with pytest.raises(zlib.error):
        Inflater(coding, 1000).feed(b"\xff\xff not packed")
    broken = Inflater(coding, 1000)
    with pytest.raises(zlib.error):
        broken.feed(zlib.compress(b"text" * 100)[:-4] + b"sums")
