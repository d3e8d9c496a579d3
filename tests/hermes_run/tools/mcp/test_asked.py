"""Files of servers in the common form, and a sentence for each mistake in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.mcp.asked import Asked, read_asked

ENVIRONMENT = {"TOKEN": "abcdefgh12", "PLACE": "/data"}


def read(tmp_path: Path, document: Any) -> tuple[Asked, ...]:
    """Read a document as a file."""
    path = tmp_path / "servers.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_asked(path, ENVIRONMENT)


def one(tmp_path: Path, **entry: Any) -> Asked:
    """Read a file with one server."""
    return read(tmp_path, {"mcpServers": {"a": entry}})[0]


def test_a_program_is_read_with_its_variables_replaced(tmp_path):
    """In arguments, the environment and the folder; the values may not be shown."""
    asked = one(
        tmp_path,
        command="npx",
        args=["-y", "${PLACE}/x"],
        env={"API_KEY": "${TOKEN}", "N": 3, "F": False, "AUTHOR": "${NO:-other one}"},
        cwd="${PLACE}",
        other_programs_key=[1],
        session=True,
        effect="read",
        tools=["x"],
        timeout=3,
        type="stdio",
    )
    assert asked.command == ("npx", "-y", "/data/x")
    assert asked.env == {"API_KEY": "abcdefgh12", "N": "3", "F": "false", "AUTHOR": "other one"}
    assert (asked.cwd, asked.session, asked.effect) == ("/data", True, "read")
    assert (asked.tools, asked.timeout, asked.transport) == (("x",), 3.0, "stdio")
    assert asked.veil("a abcdefgh12 b") == "a [withheld] b"
    assert asked.veil_result("abcdefgh12 other one") == "[withheld] other one"


@pytest.mark.parametrize("kind", ["type", "transport"])
@pytest.mark.parametrize("word", ["http", "streamable-http", "streamable_http"])
def test_a_server_that_runs_already_is_read(tmp_path, kind, word):
    """Of a header with a scheme, the key alone is a secret, too."""
    headers = {"Authorization": "Bearer ${TOKEN}", "Accept-Language": "en"}
    asked = one(tmp_path, url="http://127.0.0.1:1/mcp?k=${TOKEN}", headers=headers, **{kind: word})
    assert (asked.transport, asked.url) == ("http", "http://127.0.0.1:1/mcp?k=abcdefgh12")
    assert asked.headers["Authorization"] == "Bearer abcdefgh12"
    assert asked.veil_result("Bearer abcdefgh12, abcdefgh12") == "[withheld], [withheld]"


def test_servers_that_are_disabled_are_left_out(tmp_path):
    """Other programs have such a key, too."""
    servers = {"a": {"command": "x", "disabled": True}, "b": {"command": "y"}}
    assert [asked.name for asked in read(tmp_path, {"mcpServers": servers})] == ["b"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "must hold JSON like"),
        ("[]", 'has no table "mcpServers"'),
        ({"mcpservers": {}}, """Call 'mcpservers' "mcpServers"."""),
        ({"servers": {"a": {}}}, """Call 'servers' "mcpServers"."""),
        ({"a": {"command": "x"}}, 'has no table "mcpServers". Write'),
        ({"mcpServers": {}}, "names no server"),
        ({"mcpServers": {"a\nb": {"command": "x"}}}, "a server's name is a word"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path, document, said):
    """With the form that is wanted."""
    with pytest.raises(UsageError, match=said):
        read(tmp_path, document)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """By its name."""
    with pytest.raises(UsageError, match=r"no\.json must hold JSON like"):
        read_asked(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, 'needs either "command" .* or "url"'),
        ({"command": "x", "url": "http://h"}, 'needs either "command"'),
        ({"url": "ftp://h"}, "url must begin with http:// or https://"),
        ({"url": "http://h", "type": "sse"}, "type 'sse' can't be used .*SSE are not supported"),
        ({"command": "x", "type": "http"}, "type 'http' can't be used .* write \"stdio\""),
        ({"command": "x", "env": {"A": "${NOT_SET}"}}, "env A names the variable NOT_SET, which"),
        ({"url": "http://h", "headers": {"A": "${NOT_SET}"}}, "header A names .* export NOT_SET="),
        ({"command": "x", "effect": "none"}, "Invalid enum value 'none'"),
        ({"command": "x", "args": "y"}, r"Expected `array`, got `str` - at `\$.args`"),
        ({"command": "x", "timeout": 0}, "timeout must be more than 0 seconds, not 0"),
    ],
)
def test_an_entry_that_cannot_be_used_is_told(tmp_path, entry, said):
    """With the file and the server it is of."""
    with pytest.raises(UsageError, match=said) as raised:
        one(tmp_path, **entry)
    assert "servers.json, server 'a': " in str(raised.value)
