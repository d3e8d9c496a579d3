"""The scripted model says what it is told to."""

from __future__ import annotations

import anyio
import pytest

from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.models.protocol import Model, Reply, Request
from hermes_run.models.scripted import Scripted

ASKED = Request("scripted", (b"{}",))


async def test_replies_and_failures_come_in_the_order_of_the_script():
    """A string is a reply of that text; what was asked is kept."""
    lost = Failure(kind="server", error="HTTP 500")
    model: Model = Scripted(["Hi", Reply(refusal="No."), lost, "Bye"])
    assert await model.reply(ASKED) == Reply(text="Hi", finish_reason="stop")
    assert await model.reply(ASKED) == Reply(refusal="No.")
    with pytest.raises(EndpointError, match="HTTP 500") as raised:
        await model.reply(ASKED)
    assert raised.value.failure is lost
    assert (await model.reply(ASKED)).text == "Bye"


async def test_what_was_asked_is_kept_in_order():
    """Also what got a failure."""
    model = Scripted([Failure(kind="key", error="no"), "Hi"])
    other = Request("scripted", ())
    with pytest.raises(EndpointError):
        await model.reply(ASKED)
    await model.reply(other)
    assert model.requests == [ASKED, other]


async def test_asking_beyond_the_script_is_a_mistake_of_the_test():
    """It says how often was asked."""
    model = Scripted(["Hi"])
    await model.reply(ASKED)
    with pytest.raises(AssertionError, match="asked 2 times"):
        await model.reply(ASKED)


async def test_a_script_may_be_made_as_it_is_asked_for():
    """It is drawn a reply at a time, so it may have no end."""
    model = Scripted(f"{number}" for number in iter(int, 1))
    assert [(await model.reply(ASKED)).text for _ in range(3)] == ["0", "0", "0"]


async def test_other_sessions_get_their_turn_before_a_reply_comes():
    """As with any model, asking lets others run, and can be cancelled."""
    model = Scripted(["Hi"])
    with anyio.CancelScope() as scope:
        scope.cancel()
        await model.reply(ASKED)
    assert scope.cancelled_caught
