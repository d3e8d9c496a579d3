"""Without a network nothing is reached: not the world, not this machine, not another session."""

from __future__ import annotations

import pytest

from tests.redteam.guards import Call


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
    "tcp_over_ipv6": python("socket.create_connection(('::1', {tcp}), 2)"),
    "tcp_to_the_world": python("socket.create_connection(('192.0.2.1', 80), 2)"),
    "names": python("socket.getaddrinfo('example.com', 80)"),
    "a_name_server": python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)\n"
        "s.connect(('192.0.2.53', 53)); s.send(b'x'); s.recv(1)"
    ),
    "an_abstract_socket": python("socket.socket(socket.AF_UNIX).connect('\\0{abstract}')"),
    "a_socket_in_the_file_system": python(
        "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')"
    ),
    "the_host_of_a_virtual_machine": python(
        "s = socket.socket(40, socket.SOCK_STREAM); s.settimeout(2); s.connect((2, 1024))"
    ),
    "netlink": python(
        "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.bind((0, 1 << 4))\n"
        "s.send(struct.pack('IHHIIBxHiII', 32, 16, 5, 1, 0, 0, 0, 1, 1, 1))\n"
        "data = s.recv(4096); assert struct.unpack_from('i', data, 16)[0] == 0, 'denied'"
    ),
    "raw_packets": python("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "packets_of_the_link": python("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)"),
    "the_kernels_ciphers": python("socket.socket(38, socket.SOCK_SEQPACKET).bind(('hash', 'md5'))"),
    "a_network_of_its_own": (
        "ip link add x0 type dummy && echo went-through; ip addr add 192.0.2.9/24 dev lo "
        "&& echo went-through; unshare -n true && echo went-through; echo refused"
    ),
    "the_metadata_of_a_cloud": python("socket.create_connection(('169.254.169.254', 80), 1)"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_is_reached_over(prison, attack):
    """The attempt fails inside, and no server of ours hears of it."""
    done = prison.run(Call("terminal", {"command": f"(\n{ATTACKS[attack]}\n) 2>&1"}))
    assert "went-through" not in done.output, done
    assert "refused" in done.output, done


def test_a_datagram_arrives_nowhere(prison):
    """Sending is no error for who sends; our socket hears nothing."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": python(
                    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                    "for port in range(1024, 65536): s.sendto(b'x', ('127.0.0.1', port))"
                )
            },
        )
    )
    assert done.outcome == "completed"


def test_a_scan_of_all_ports_finds_none(prison):
    """Of the ports of this machine none is there."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": python(
                    "found = []\nfor port in range(1, 65536):\n"
                    "  with socket.socket() as s:\n"
                    "    if s.connect_ex(('127.0.0.1', port)): continue\n"
                    "    if s.getsockname() != s.getpeername(): found.append(port)\n"
                    "print('found', found)\nassert found, 'none'"
                )
            },
        )
    )
    assert "refused" in done.output


def test_the_web_is_no_tool_without_a_network(prison):
    """The tool that fetches pages is not to be had, so nothing is run at all."""
    with pytest.raises(AssertionError, match="the run itself ended"):
        prison.run(Call("web_fetch", {"url": "http://127.0.0.1:{tcp}/"}), toolsets=["web"])
