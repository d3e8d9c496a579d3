"""What is sent over a channel arrives in order, whole, or not at all."""

from __future__ import annotations

import pickle
import struct

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import UNIXSocketStream

from hermes_run.workers import channel
from hermes_run.workers.channel import open_channel


async def take(end, count: int) -> list[object]:
    """Receive *count* messages."""
    came: list[object] = []
    with anyio.fail_after(20):
        while len(came) < count:
            came += await end.receive()
    return came


async def test_messages_arrive_in_the_order_in_which_they_were_sent(both):
    """Whoever sends does not wait, and says as much as it likes."""
    async with both() as (here, there):
        for number in range(500):
            here.send(number)
            if number % 7 == 0:
                await anyio.lowlevel.checkpoint()
        assert await take(there, 500) == list(range(500))


async def test_what_is_said_at_once_comes_at_once(both):
    """One piece has all that was sent between two looks at the socket."""
    async with both() as (here, there):
        for text in ("a", "b", "c"):
            here.send(text)
        assert await there.receive() == ["a", "b", "c"]


async def test_both_ends_may_say_more_than_a_socket_holds(both):
    """Neither waits for the other to read."""
    large = [bytes([number]) * 3_000_000 for number in range(3)]
    async with both() as (here, there):
        for message in large:
            here.send(message)
            there.send(message)
        assert await take(here, 3) == large
        assert await take(there, 3) == large


@pytest.mark.parametrize("text", ["\ud800 alone", "plain"])
async def test_text_arrives_as_it_is_whatever_it_holds(both, text):
    """Lone surrogates come from models and tools."""
    async with both() as (here, there):
        here.send(text)
        assert await there.receive() == [text]


async def test_what_was_sent_before_the_block_ended_arrives_and_then_nothing(sockets):
    """The last word of a worker is heard although it is gone."""
    one, other = sockets
    async with open_channel(await UNIXSocketStream.from_socket(other)) as there:
        async with open_channel(await UNIXSocketStream.from_socket(one)) as here:
            here.send("last")
            here.send("word")
        assert await there.receive() == ["last", "word"]
        assert await there.receive() == []
        assert await there.receive() == []


async def test_what_was_sent_arrives_also_where_the_block_is_cancelled(sockets):
    """Who is given up can say so."""
    one, other = sockets
    async with open_channel(await UNIXSocketStream.from_socket(other)) as there:
        with anyio.CancelScope() as scope:
            async with open_channel(await UNIXSocketStream.from_socket(one)) as here:
                here.send("given up")
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        assert await there.receive() == ["given up"]


async def test_what_is_sent_to_nobody_is_lost(sockets):
    """The other end is gone: the sender goes on, and hears that there is nobody."""
    one, other = sockets
    async with open_channel(await UNIXSocketStream.from_socket(one)) as here:
        other.close()
        here.send("hello?")
        assert await here.receive() == []
        here.send("anybody?")


async def test_half_a_message_of_a_process_that_died_is_none(sockets):
    """It was killed while it wrote."""
    one, other = sockets
    async with open_channel(await UNIXSocketStream.from_socket(one)) as here:
        content = pickle.dumps(["whole"])
        framed = struct.pack("<Q", len(content)) + content
        other.sendall(framed + framed[:-1])
        other.close()
        assert await here.receive() == ["whole"]
        assert await here.receive() == []


async def test_an_end_that_does_not_read_is_not_waited_for_for_ever(sockets, monkeypatch):
    """The block ends all the same."""
    monkeypatch.setattr(channel, "_FLUSH_S", 0.0)
    with anyio.fail_after(20):
        async with open_channel(await UNIXSocketStream.from_socket(sockets[0])) as here:
            here.send(bytes(10_000_000))


async def test_what_the_block_raises_comes_out_as_it_is(sockets):
    """No group is put around it."""
    with pytest.raises(ZeroDivisionError):
        async with open_channel(await UNIXSocketStream.from_socket(sockets[0])):
            raise ZeroDivisionError
