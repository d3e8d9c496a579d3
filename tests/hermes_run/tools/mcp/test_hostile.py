"""Servers that break the protocol, their pipes or themselves hurt a call at most."""

from __future__ import annotations

import json

import msgspec
import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.mcp import line, pipes
from hermes_run.tools.mcp.client import Patience
from hermes_run.tools.tool import Bounds


async def test_what_is_no_message_is_passed_over(opened, raw, ask, caplog):
    """Also notices that nobody asked for; the log has the first few, and the answer counts."""
    async with opened({"a": raw()}) as servers:
        assert (await ask(servers, "garbage")).content == "in the end"
        await ask(servers, "garbage")
    assert caplog.text.count("wrote what is no message") == line.STRAYS_LOGGED
    assert "changed its tools; the ones of the start stay" in caplog.text


async def test_a_tool_that_is_listed_twice_is_there_once(opened, raw):
    """The first counts."""
    async with opened({"a": raw()}) as servers:
        names = [t.name for t in servers["a"].tools]
    assert len(names) == len(set(names)) == 11


@pytest.mark.parametrize("name", ["flood", "late"])
async def test_an_answer_without_end_is_an_error_in_bounded_memory(opened, raw, ask, name):
    """The waiting call is told by the id at either end of the line; the next one is as ever."""
    async with opened({"a": raw()}) as servers:
        output = await ask(servers, name)
        assert "too long to be read" in output.content
        assert (await ask(servers, "talk")).content == "said"


async def test_an_answer_without_end_and_without_an_id_runs_into_the_limit(
    opened, raw, ask, context
):
    """Nobody can tell whose it is."""
    brief = msgspec.structs.replace(context, bounds=Bounds(0.5, 4_000))
    async with opened({"a": raw()}) as servers:
        assert (await ask(servers, "nameless", within=brief)).status == "timeout"
        assert (await ask(servers, "talk")).content == "said"


async def test_a_result_that_is_none_is_an_error(opened, raw, ask):
    """It says what is wrong with it."""
    async with opened({"a": raw()}) as servers:
        output = await ask(servers, "malformed")
    assert "answered with what is no result: content" in output.content


async def test_what_a_server_asks_of_us_is_refused(opened, raw, ask):
    """Nobody is there to answer."""
    async with opened({"a": raw()}) as servers:
        assert (await ask(servers, "asking")).content == "refused"


async def test_standard_error_is_bounded_in_the_log(opened, raw, ask, caplog):
    """The end of it is said."""
    async with opened({"a": raw()}) as servers:
        assert (await ask(servers, "talk")).content == "said"
    assert "says more, which is not kept" in caplog.text
    assert caplog.text.count("t") < line.LOGGED_BYTES + 20_000


@pytest.mark.parametrize(
    ("name", "said"), [("shut", "it closed its output"), ("deaf", "it takes no more requests")]
)
async def test_a_server_that_closes_a_pipe_and_lives_on_is_replaced(
    opened, raw, ask, name, said, monkeypatch
):
    """It is ended by force where it does not go by itself."""
    monkeypatch.setattr(pipes, "LEAVE_S", 0.1)
    monkeypatch.setattr(pipes, "REAP_S", 0.1)
    async with opened({"a": raw()}) as servers:
        outputs = [await ask(servers, name)]
        if name == "deaf":
            assert outputs[0].content == "I hear nothing any more"
            outputs.append(await ask(servers, "talk"))
        assert said in json.loads(outputs[-1].content)["error"]
        assert (await ask(servers, "talk")).content == "said"


async def test_a_child_out_of_reach_that_holds_the_pipes_holds_nothing_up(
    opened, raw, ask, monkeypatch
):
    """The server is dead once it is dead."""
    monkeypatch.setattr(pipes, "LEAVE_S", 0.1)
    monkeypatch.setattr(pipes, "REAP_S", 0.1)
    async with opened({"a": raw()}) as servers:
        output = await ask(servers, "orphan")
        assert "it closed its output" not in output.content
        assert (await ask(servers, "talk")).content == "said"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("endless", "its list of tools has more than 200 pages"),
        ("nonsense", "what it says of itself is not what the protocol has: tools"),
        ("old", "Unsupported protocol version from the server: 1999-01-01"),
    ],
)
async def test_a_server_that_cannot_say_what_it_has_is_refused(opened, raw, how, said):
    """Before anything is spent."""
    with pytest.raises(UsageError) as raised:
        async with opened({"a": raw(how)}):
            raise AssertionError
    assert said in str(raised.value)


async def test_a_server_that_says_nothing_is_given_up_at_its_time(opened, raw, monkeypatch):
    """Servers start together, so the slowest is all that is waited for."""
    monkeypatch.setattr(pipes, "LEAVE_S", 0.1)
    patience = Patience(start_s=0.3)
    with pytest.raises(UsageError) as raised:
        async with opened({"a": raw("silent"), "b": raw("silent")}, patience=patience):
            raise AssertionError
    assert str(raised.value).count("it was not ready within 0.3 s") == 2


async def test_a_pause_stands_before_every_start_but_the_first(
    opened, raw, ask, monkeypatch, tmp_path
):
    """It grows, so that a server that can't start is not started without end."""
    pauses: list[float] = []
    now = 2.0**40

    async def note(until: float) -> None:
        if until:
            pauses.append(until - now)

    monkeypatch.setattr(pipes, "REAP_S", 0.1)
    monkeypatch.setattr("hermes_run.tools.mcp.client.anyio.sleep_until", note)
    monkeypatch.setattr("hermes_run.tools.mcp.client.anyio.current_time", lambda: now)
    patience = Patience(pause_s=0.5, deaths=4)
    entry = raw()
    async with opened({"a": entry}, patience=patience) as servers:
        for _ in range(4):
            await ask(servers, "die")
    assert pauses == [0.5, 1.0]
