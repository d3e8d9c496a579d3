"""The checks see what gets through: without a wall the same attacks are found out.

These run as an ordinary user with ``--sandbox none`` and harm nothing but what was laid out for
them. Were a check blind, its attack would pass here as it does behind a wall.
"""

from __future__ import annotations

import os

import pytest

from tests.redteam.guards import Call, sh
from tests.redteam.prison import Breach
from tests.redteam.secrets_sought import PIECES, by_address, by_descriptors

SAFE_WITHOUT_A_WALL = {
    "reading_the_secret": ([sh("cat {outside}/secret")], "tells the secret"),
    "reading_the_secret_in_base64": ([sh("base64 -w0 {outside}/secret")], "tells the secret"),
    "reading_the_secret_backwards": ([sh("rev {outside}/secret")], "tells the secret"),
    "reading_the_secret_in_hex": (
        [sh("od -An -v -tx1 {outside}/secret | tr -d ' \\n'")],
        "tells the secret",
    ),
    "reading_the_secret_in_pieces": (PIECES, "told in pieces"),
    "reading_the_home": ([sh("cat {home}/.ssh/id_rsa")], "tells the secret"),
    "the_environment_of_the_victim": ([sh("cat /proc/{victim}/environ")], "tells the secret"),
    "the_command_line_of_the_victim": ([sh("cat /proc/{victim}/cmdline")], "tells the secret"),
    "the_open_files_of_the_victim": ([sh(by_descriptors("{victim}"))], "tells the secret"),
    "the_memory_of_the_victim": ([sh(by_address("{victim}"))], "tells the secret"),
    "the_environment_of_the_runner": ([sh("cat /proc/{runner}/environ")], "tells the secret"),
    "the_command_line_of_the_runner": ([sh("cat /proc/{runner}/cmdline")], "tells the secret"),
    "the_open_files_of_the_runner": (
        [sh(by_descriptors("{runner}"))],
        "tells the secret",
    ),
    "the_memory_of_the_runner": ([sh(by_address("{runner}"))], "tells the secret"),
    "our_tcp_port": ([sh("timeout 2 bash -c ': >/dev/tcp/127.0.0.1/{tcp}'")], "reached changed"),
    "another_address_of_ours": (
        [sh("timeout 2 bash -c ': >/dev/tcp/127.0.0.2/{second}'")],
        "reached changed",
    ),
    "our_udp_port": ([sh("echo x >/dev/udp/127.0.0.1/{udp}")], "reached changed"),
    "our_name_server": ([sh("echo x >/dev/udp/127.0.0.53/{names}")], "reached changed"),
    "our_abstract_socket": (
        [sh("python3 -c \"import socket; socket.socket(1).connect('\\0{abstract}')\"")],
        "reached changed",
    ),
    "our_socket_in_the_file_system": (
        [sh("python3 -c \"import socket; socket.socket(1).connect('{outside}/socket')\"")],
        "reached changed",
    ),
    "writing_outside": ([sh("echo x >{outside}/escaped")], "files changed"),
    "changing_a_file": ([sh("echo owned >{outside}/victim")], "files changed"),
    "changing_the_home": ([sh("echo owned >>{home}/.netrc")], "files changed"),
    "linking_a_file": ([sh("ln {outside}/victim {outside}/hard")], "files changed"),
    "killing_the_victim": ([sh("kill -9 {victim}")], "victim changed"),
    "a_daemon": (
        [sh("env -i setsid sleep 600 {base} >/dev/null 2>&1 & sleep .1; echo"),
         sh("env -i setsid sh -c 'sleep 600; : {base}' >/dev/null 2>&1 & sleep .1; echo")],
        "still running",
    ),
    "the_files_of_the_neighbour": (
        [sh("for f in {record}/workspaces/neighbour*/secret; do echo owned >$f; done")],
        "neighbour came to harm",
    ),
    "editing_the_record": (
        [sh("for f in {record}/journal/*; do printf '\\n{\\\"event\\\"' >>$f; done; sleep .1")],
        "record is not sound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", SAFE_WITHOUT_A_WALL)
def test_without_a_wall_it_is_found_out(open_field, attack):
    """The attack has its effect, and the check that is there for it says so."""
    calls, said = SAFE_WITHOUT_A_WALL[attack]
    with pytest.raises(Breach, match=said):
        open_field.run(*calls)


def test_behind_a_wall_none_of_them_has_an_effect(prison):
    """The very same calls, one after the other, and everything is as it was."""
    done = prison.run(*[call for calls, _ in SAFE_WITHOUT_A_WALL.values() for call in calls])
    assert done.outcome == "completed"


def test_a_scene_where_nothing_happens_is_no_breach(open_field):
    """Or else every test above would pass for nothing."""
    done = open_field.run(sh("echo quiet"), Call("read_file", {"path": "missing"}))
    assert done.statuses == ["ok", "error"]
    assert not os.path.lexists(open_field.record / "workspaces")
