"""Tools of real servers: listed, named, called, and still there when a server dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.belongings import open_belongings
from hermes_run.tools.mcp import client as client_module
from hermes_run.tools.mcp.client import Patience
from hermes_run.tools.tool import Bounds, Context
from hermes_run.tools.toolbox import make_toolbox
from recorder.json_text import encode

MIXED = """before
[image]
[audio]
in a file
[resource file:///a.bin image/x]
[resource b file:///b.txt]"""


async def test_all_pages_are_listed_with_schemas_as_they_are(opened, served, ask):
    """Odd keywords, their order and their numbers reach the request byte for byte."""
    source = (Path(__file__).parent / "served.py").read_text()
    scope: dict = {}
    exec(source[source.index("ODD = {") : source.index("ANY = ")], scope)
    async with opened({"a": served()}) as servers:
        tools = servers["a"].tools
        assert [t.name for t in tools][:3] == ["echo", "search", "fail"]
        assert (len(tools), len(servers), list(servers)) == (16, 1, ["a"])
        assert (
            encode(tools[0].parameters)
            == json.dumps(scope["ODD"], ensure_ascii=False, separators=(",", ":")).encode()
        )
        assert tools[0].description == "Say it\n  again."
        assert encode(make_toolbox(tools).schemas[0]["function"]["parameters"]) == encode(
            scope["ODD"]
        )
        given = {"zone": "a", "none": None, "x-é": [None, 1.5, {"deep": {}}]}
        output = await ask(servers, "echo", **given)
        assert (json.loads(output.content), output.status) == (given, "ok")
        assert servers.notices() == []


async def test_effects_are_external_unless_the_server_or_the_file_says_more(opened, served):
    """What is read only by its own word may be run again after a crash."""
    async with opened({"a": served(), "b": served(effect="pure")}) as servers:
        effects = {t.name: t.effect for t in servers["a"].tools}
        assert (effects["a_echo"], effects["a_search"]) == ("read", "external")
        assert {t.effect for t in servers["b"].tools} == {"pure"}


async def test_names_that_are_shared_tell_their_server(opened, served, ask):
    """Between two servers and with tools of others; each call goes to its own server."""
    entries = {"a": served(tools=["pid", "count"]), "b": served(tools=["pid"])}
    async with opened(entries, taken=["count"]) as servers:
        names = [t.name for each in servers.values() for t in each.tools]
        assert names == ["a_count", "a_pid", "b_pid"]
        assert (await ask(servers, "a_pid")).content != (await ask(servers, "b_pid")).content


async def test_every_kind_of_answer_becomes_text(opened, served, ask):
    """Errors of tools and of the protocol, pictures, sounds, resources and tables."""
    refused = '{"error": "the MCP server a answered with an error: not today"}'
    wanted = {
        "fail": ("it went wrong\ntwice", "error"),
        "refuse": (refused, "error"),
        "table": ('a table\n{"rows":[1,2]}', "ok"),
        "mixed": (MIXED, "ok"),
        "odd_name_": ("5", "ok"),
        "change": ("changed", "ok"),
    }
    async with opened({"a": served()}) as servers:
        for name, (content, status) in wanted.items():
            output = await ask(servers, name)
            assert (output.content, output.status) == (content, status)


async def test_long_output_is_cut_and_longer_output_is_not_read(opened, served, ask):
    """Neither costs more than its bounds, and the server goes on."""
    async with opened({"a": served()}) as servers:
        huge = await ask(servers, "huge")
        assert (huge.bytes, huge.status) == (200_000, "ok")
        assert len(huge.content) < 5_000
        flood = await ask(servers, "flood")
        assert "too long to be read" in flood.content
        assert (await ask(servers, "count")).content == "3"


async def test_a_server_that_dies_is_started_again_before_the_next_call(
    opened, served, ask, caplog
):
    """The call that was cut says so with the last words; no secret is in them or in the log."""
    entry = served(env={"OUR_KEY": "s3cret-value", "NUMBER": 7, "FLAG": True})
    async with opened({"a": entry}) as servers:
        first = (await ask(servers, "pid")).content
        died = await ask(servers, "die")
        assert died.status == "error"
        said = json.loads(died.content)["error"]
        assert said.startswith("the MCP server a is gone: it was lost during this call")
        assert "exit code 3; its last words:\nmy key is [withheld]\nlast words" in said
        again = await ask(servers, "pid")
        assert again.content not in (first, "")
        assert servers.notices() == ["the MCP server a was lost once"]
        for name, value in (("OUR_KEY", "[withheld]"), ("NUMBER", "7"), ("FLAG", "true")):
            assert (await ask(servers, "tell", name=name)).content == value
    assert "s3cret" not in caplog.text
    assert "last words" in caplog.text


async def test_a_server_that_dies_for_good_is_given_up(opened, served, ask, caplog, tmp_path):
    """Every call says so at once, the log and the report do, and other servers go on."""
    trap = tmp_path / "trap"
    entries = {"a": served(str(trap), tools=["die", "pid"]), "b": served(tools=["count"])}
    async with opened(entries) as servers:
        trap.touch()
        await ask(servers, "die")
        for _ in range(2):
            output = await ask(servers, "pid")
            assert (
                "exit code 5; its last words:\nI can't start" in json.loads(output.content)["error"]
            )
        output = await ask(servers, "pid")
        assert "died 3 times in a row, and is not started again" in output.content
        assert output.status == "error"
        assert (await ask(servers, "count")).content == "1"
        assert servers.notices() == [
            "the MCP server a was lost 3 times; at last it died 3 times in a row, and was given up"
        ]
    assert "is given up" in caplog.text


async def test_a_call_at_its_limit_is_cancelled_at_the_server(opened, served, ask, context):
    """The server is told, and the connection is as good as before."""
    brief = msgspec.structs.replace(context, bounds=Bounds(1.5, 4_000))
    async with opened({"a": served()}) as servers:
        output = await ask(servers, "wait", within=brief)
        assert (output.status, "did not answer within 1.5 s" in output.content) == ("timeout", True)
        assert (await ask(servers, "waited")).content == "1"


async def test_a_server_may_have_a_limit_of_its_own(opened, served, ask):
    """The shorter one counts."""
    async with opened({"a": served(timeout=0.3)}) as servers:
        assert (await ask(servers, "wait")).status == "timeout"


async def test_a_call_whose_session_is_cancelled_leaves_the_others(opened, served, ask):
    """Its cancellation reaches the server, and no other call."""
    async with opened({"a": served()}) as servers, anyio.create_task_group() as others:
        with anyio.CancelScope() as session:
            async with anyio.create_task_group() as calls:
                calls.start_soon(ask, servers, "wait")
                while (await ask(servers, "count")).content == "1":
                    pass
                session.cancel()
        others.start_soon(ask, servers, "waited")


async def test_thirty_two_sessions_share_one_client(opened, served, context):
    """Each gets the answer to its own question."""
    answers: dict[int, str] = {}
    async with opened({"a": served()}) as servers:
        echo = next(t for t in servers["a"].tools if t.name == "echo")
        pid = next(t for t in servers["a"].tools if t.name == "pid")
        pids: set[str] = set()

        async def session(number: int) -> None:
            for turn in range(3):
                output = await echo.run({"zone": f"{number}.{turn}"}, context)
                answers[number] = json.loads(output.content)["zone"]
            pids.add((await pid.run({}, context)).content)

        async with anyio.create_task_group() as sessions:
            for number in range(32):
                sessions.start_soon(session, number)
    assert answers == {number: f"{number}.2" for number in range(32)}
    assert len(pids) == 1


async def test_each_session_has_a_server_of_its_own_where_that_is_asked_for(
    opened, served, ask, context, monkeypatch
):
    """It begins when it is first used, keeps its state, and ends with the session."""
    async with opened({"a": served(session=True)}) as servers:
        pids = []
        for _ in range(2):
            async with open_belongings() as belongings:
                own = Context("s", context.sandbox, context.bounds, belongings=belongings)
                assert [(await ask(servers, "count", own)).content for _ in "ab"] == ["1", "2"]
                await ask(servers, "die", own)
                assert (await ask(servers, "count", own)).content == "1"
                pids.append(int((await ask(servers, "pid", own)).content))
            with pytest.raises(ProcessLookupError):
                os.kill(pids[-1], 0)
        assert len(set(pids)) == 2
        assert servers.notices() == ["the MCP server a was lost 2 times"]


async def test_nothing_is_left_when_the_run_is_cancelled(opened, served, ask):
    """The program ends with the block, however that is left."""
    pid = 0
    with anyio.CancelScope() as run:
        async with opened({"a": served()}) as servers:
            pid = int((await ask(servers, "pid")).content)
            run.cancel()
            await anyio.sleep_forever()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_the_block_raises_leaves_it_as_it_is(opened, served):
    """No exception group around it."""

    async def fail() -> None:
        async with opened({"a": served()}):
            raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def test_programs_run_in_the_folder_of_the_run(opened, served, tmp_path):
    """Where they name none, or begin from it; a resumption may be started elsewhere."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "served.py").symlink_to(Path(__file__).parent / "served.py")
    here = {"command": sys.executable, "args": ["served.py", "stdio"]}
    async with opened({"a": here}, folder=inner) as servers:
        assert servers["a"].tools
    async with opened({"a": {**here, "cwd": "inner"}}, folder=tmp_path) as servers:
        assert servers["a"].tools


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"command": "no-such-program"}, "there is no program 'no-such-program'"),
        ({"cwd": "/no/such/folder"}, "there is no folder '/no/such/folder' for cwd"),
        ({"args": ["-c", "import sys; sys.exit('oh no')"]}, "exit code 1; its last words:\noh no"),
        ({"args": ["-c", "import os; os.kill(os.getpid(), 9)"]}, "it was killed by signal 9"),
        ({"args": ["a\0b"]}, "it can't be started: embedded null byte"),
        (
            {"tools": ["ecko"]},
            "it has no tool 'ecko' that \"tools\" could allow. Did you mean 'echo'",
        ),
    ],
)
async def test_a_server_that_does_not_start_stops_the_run_before_it_begins(
    opened, served, more, said
):
    """The sentence names the server and what it said; the others are not waited for in vain."""
    with pytest.raises(UsageError) as raised:
        async with opened({"good": served(), "bad": served(**more)}):
            raise AssertionError
    assert str(raised.value).startswith("the MCP server 'bad' can't be used: ")
    assert said in str(raised.value)


def test_the_sdk_is_imported_only_when_it_is_needed(tmp_path):
    """Reading a file of servers costs nothing, and without the SDK there is a sentence."""
    (tmp_path / "s.json").write_text('{"mcpServers": {"a": {"command": "x"}}}')
    program = (
        "import sys, anyio, pathlib\n"
        "from hermes_run.errors import UsageError\n"
        "from hermes_run.tools.mcp.servers import open_servers\n"
        "assert not {'mcp', 'mcp_types', 'pydantic'} & set(sys.modules)\n"
        "sys.modules['mcp'] = None\n"
        "async def main():\n"
        "    async with open_servers(pathlib.Path('s.json')): pass\n"
        "try:\n    anyio.run(main)\nexcept UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("--mcp needs the package mcp"), done.stderr


def test_pauses_between_starts_are_short_by_default():
    """A server gets a few chances and not for ever."""
    assert Patience() == client_module.Patience(start_s=60.0, pause_s=0.5, deaths=5)
