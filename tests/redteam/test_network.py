"""Without a network nothing is reached: not this machine, not another session, no name server.

All that is asked for is on this machine, where servers of ours listen, on several of its addresses:
were there a way out, they would hear of it, and nobody else would.
"""

from __future__ import annotations

import re

import pytest

from tests.redteam.guards import Call, sh
from tests.redteam.prison import Broken

QUERY = r"b'\x12\x34\1\0\0\1\0\0\0\0\0\0\4name\7example\0\0\1\0\1'"


def python(code: str) -> str:
    """Write a command that runs *code* and says what it raised."""
    body = "\n".join(f"  {line}" for line in code.strip().splitlines())
    return (
        f"python3 - <<'END'\nimport ctypes, os, socket, struct\ntry:\n{body}\n"
        "  print('went-through')\nexcept Exception as error:\n  print('refused', repr(error))\nEND"
    )


ATTACKS = {
    "tcp_to_our_port": python("socket.create_connection(('127.0.0.1', {tcp}), 2)"),
    "tcp_by_the_shell": "timeout 2 bash -c 'echo x >/dev/tcp/127.0.0.1/{tcp}' || echo refused",
    "tcp_over_ipv6": python("socket.create_connection(('::1', {six}), 2)"),
    "tcp_to_a_mapped_address": python(
        "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', {tcp}))"
    ),
    "tcp_to_another_address": python("socket.create_connection(('127.0.0.2', {second}), 2)"),
    "tcp_to_the_address_of_nobody": python("socket.create_connection(('0.0.0.0', {tcp}), 2)"),
    "tcp_to_a_name": python("socket.create_connection(('localhost', {tcp}), 2)"),
    "tcp_to_a_name_server": python("socket.create_connection(('127.0.0.53', {stub}), 2)"),
    "a_question_for_a_name_server": python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(.5)\n"
        f"s.connect(('127.0.0.53', {{names}})); s.send({QUERY}); s.recv(1)"
    ),
    "a_scan_of_ports": python(
        "found = []\nfor port in [{tcp}, {second}, {stub}, {six}, *range({tcp} - 300, {tcp})]:\n"
        "  with socket.socket() as s:\n"
        "    if s.connect_ex(('127.0.0.1', port)): continue\n"
        "    if s.getsockname() != s.getpeername(): found.append(port)\n"
        "print('found', found)\nassert found, 'none'"
    ),
    "an_abstract_socket": python("socket.socket(socket.AF_UNIX).connect('\\0{abstract}')"),
    "a_socket_in_the_file_system": python(
        "socket.socket(socket.AF_UNIX).connect('{outside}/socket')"
    ),
    "the_host_of_a_virtual_machine": python("socket.socket(40, socket.SOCK_STREAM)"),
    "netlink": python(
        "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.bind((0, 1 << 4))\n"
        "s.send(struct.pack('IHHIIBxHiII', 32, 16, 5, 1, 0, 0, 0, 1, 1, 1))\n"
        "data = s.recv(4096); assert struct.unpack_from('i', data, 16)[0] == 0, 'denied'"
    ),
    "raw_packets": python("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "packets_of_the_link": python("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)"),
    "the_kernels_ciphers": python("socket.socket(38, socket.SOCK_SEQPACKET).bind(('hash', 'md5'))"),
    "a_network_of_its_own": (
        "ip link add x0 type dummy && echo went-through && ip link del x0; "
        "unshare -n true && echo went-through; unshare -Un true && echo went-through; echo refused"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_is_reached_over(tried, attack):
    """The attempt fails inside, and no server of ours hears of it."""
    lines = {name: f"(\n{line}\n) 2>&1" for name, line in ATTACKS.items()}
    output = tried(lines)[attack]["output"]
    assert "went-through" not in output
    assert "refused" in output, output


def test_a_datagram_arrives_nowhere(prison):
    """Sending is no error for who sends; our sockets hear nothing."""
    code = (
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "for port in ({udp}, {names}, *range({udp} - 300, {udp})):\n"
        "  for host in ('127.0.0.1', '127.0.0.53', '0.0.0.0'): s.sendto(b'x', (host, port))"
    )
    assert prison.run(sh(python(code))).outcome == "completed"


def test_no_socket_of_this_machine_is_even_seen(prison):
    """Neither ports nor names of sockets: the session has a network of its own."""
    found = python(
        "names = open('/proc/net/unix').read().count('@'); ports = open('/proc/net/tcp').read()\n"
        "print('seen', names, len(ports.splitlines()))"
    )
    done = prison.run(sh(found))
    assert re.search(r"seen 0 1\b", done.output), done


def test_a_toolset_that_needs_the_network_is_refused(prison):
    """Where there is nothing but the tool that fetches pages, nothing is run at all."""
    with pytest.raises(Broken, match="network"):
        prison.run(Call("web_fetch", {"url": "http://127.0.0.1:{tcp}/"}), toolsets=["web"])


def test_no_page_is_fetched_without_a_network(prison):
    """Asked for all the same, it is no tool that there is, and nothing is asked."""
    done = prison.run(Call("web_fetch", {"url": "http://127.0.0.1:{tcp}/"}))
    assert done.statuses == ["invalid"], done
    assert "There is no tool 'web_fetch'" in done.output
