"""Requests through the gate to real servers: how many there are at once, where, and after what."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from aiohttp import web

from hermes_run.brake import Brake
from hermes_run.errors import EndpointError, NotAskedError
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.throttled import Throttled, Way, open_throttled
from hermes_run.throttle.door import OwnDoor
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.throttle.limit import PROVEN
from hermes_run.throttle.notices import Notices

Answer: TypeAlias = Callable[["Server"], Awaitable[web.Response]]
USER = b'{"role":"user","content":"Hi"}'


def good(**headers: str) -> web.Response:
    """Make a good answer."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return web.json_response({"choices": [choice], "usage": usage}, headers=headers)


def refusal(status: int, **headers: str) -> web.Response:
    """Refuse."""
    return web.json_response({"error": {"message": "no"}}, status=status, headers=headers)


class Server:
    """A server that counts: all requests, those that are here, and the most that were at once."""

    def __init__(self, answer: Answer) -> None:
        self.url = ""
        self.count = self.here = self.most = 0
        self.models: list[str] = []
        self._answer = answer

    async def complete(self, request: web.Request) -> web.Response:
        """Answer as was said."""
        self.models.append(json.loads(await request.read())["model"])
        self.count += 1
        self.here += 1
        self.most = max(self.most, self.here)
        try:
            return await self._answer(self)
        finally:
            self.here -= 1


@asynccontextmanager
async def serve(answer: Answer) -> AsyncIterator[Server]:
    """Serve on 127.0.0.1."""
    server = Server(answer)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.complete)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def throttled(
    urls: list[str], brake: Brake | None = None, seed: int = 0, **terms: Any
) -> AsyncIterator[Throttled[OwnDoor]]:
    """Connect to *urls* through one gate."""
    brake = brake or Brake()
    asked = [Terms(url, **{"most": 64, **terms}) for url in urls]
    gate = Gate(asked, brake, anyio.current_time(), seed)
    async with AsyncExitStack() as stack:
        ways = list[Way]()
        for url in urls:
            notices = Notices()
            endpoint = Endpoint(url, "key", stream=False, notices=notices)
            ways.append(Way(await stack.enter_async_context(open_chat(endpoint)), notices))
        yield await stack.enter_async_context(open_throttled(ways, gate, brake))


async def run(
    model: Throttled[OwnDoor], sessions: int, turns: int = 1, tries: int = 1000
) -> Counter[str]:
    """Ask from so many sessions at once, again after a failure that passes; gives what came."""
    came: Counter[str] = Counter()

    async def session(number: int) -> None:
        for _ in range(turns):
            for _ in range(tries):
                try:
                    await model.reply(Request("m", (USER,), session=f"s{number}"))
                except EndpointError as error:
                    came[error.failure.kind] += 1
                    if error.failure.verdict != "retry":
                        return
                except NotAskedError:
                    came["not asked"] += 1
                    return
                else:
                    came["good"] += 1
                    break

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(sessions):
                tasks.start_soon(session, number)
    return came


async def well(_: Server) -> web.Response:
    """Answer everybody."""
    return good()


async def test_a_wrong_key_costs_one_request_of_sixty_four_sessions():
    """All others are sent away without one."""

    async def refuse(_: Server) -> web.Response:
        return refusal(401)

    brake = Brake()
    async with serve(refuse) as server, throttled([server.url], brake) as model:
        came = await run(model, 64)
        assert came == {"key": 1, "not asked": 63}
        assert server.count == 1
        assert brake.cause == "endpoint"
        assert (await run(model, 1)) == {"not asked": 1}


async def test_until_the_first_good_answer_requests_come_one_by_one():
    """Three failures that pass, of whatever session, and a first answer; then there are more."""
    several = anyio.Event()

    async def in_the_end(server: Server) -> web.Response:
        if server.count <= 4:
            for _ in range(100):  # whoever could come would
                await anyio.lowlevel.checkpoint()
            assert server.here == 1
            return good() if server.count == 4 else refusal(500)
        if server.here > 1:
            several.set()
        await several.wait()
        return good()

    async with serve(in_the_end) as server, throttled([server.url]) as model:
        assert await run(model, 32) == {"server": 3, "good": 32}
        assert [change.limit for change in model.door.gate.changes][:3] == [1, 16, 17]


async def test_a_storm_of_refusals_converges():
    """A server that bears eight at once: everybody is answered, and few more than that are sent."""
    bears = 8

    async def up_to_eight(server: Server) -> web.Response:
        if server.here > bears:
            return refusal(429, **{"Retry-After": "3600"})
        await anyio.to_thread.run_sync(lambda: None)  # a while, but no time
        return good()

    async with (
        serve(up_to_eight) as server,
        throttled([server.url], cool_down_s=0.0) as model,
    ):
        came = await run(model, 64, turns=4)
        assert came["good"] == 256
        assert came["rate_limit"] < 256
        assert server.most <= 2 * bears + 1
        assert 1 <= model.door.gate.limit <= 2 * bears


async def test_the_limit_grows_only_where_it_is_used():
    """One session that asks a hundred times is one request at a time."""
    async with serve(well) as server, throttled([server.url]) as model:
        assert await run(model, 1, turns=100) == {"good": 100}
        assert model.door.gate.limit == PROVEN
        assert server.most == 1


async def test_when_an_endpoint_is_gone_the_others_go_on():
    """Its sessions try elsewhere, without a failure of their own beyond the first few."""

    async def down(_: Server) -> web.Response:
        return refusal(503)

    async with serve(well) as server, serve(down) as other:
        async with throttled([server.url, other.url]) as model:
            came = await run(model, 64, turns=3)
        assert came["good"] == 192
        assert other.count == came["server"] < 64


async def test_an_endpoint_with_another_key_is_left_out():
    """The run does not stop for it."""

    async def refuse(_: Server) -> web.Response:
        return refusal(401)

    brake = Brake()
    async with serve(well) as server, serve(refuse) as other:
        async with throttled([other.url, server.url], brake) as model:
            assert await run(model, 64) == {"good": 64, "left_out": 1}
        assert other.count == 1
    assert not brake.pulled


async def test_a_session_stays_where_it_was_answered():
    """Nothing else has its tokens in the cache."""
    async with serve(well) as one, serve(well) as two, throttled([one.url, two.url]) as model:
        for session in ("a", "b", "c", "d", "e"):
            before = one.count, two.count
            for _ in range(4):
                await model.reply(Request("m", (USER,), session=session))
            assert {one.count - before[0], two.count - before[1]} == {0, 4}


async def test_each_endpoint_may_have_its_own_name_for_the_model():
    """The session knows only the one that was asked for."""
    async with serve(well) as server, open_chat(Endpoint(server.url, "k", stream=False)) as chat:
        brake = Brake()
        gate = Gate([Terms("a", 1)], brake, anyio.current_time())
        async with open_throttled([Way(chat, None, "their-name")], gate, brake) as model:
            assert isinstance(await model.reply(Request("m", (USER,))), Reply)
        assert server.models == ["their-name"]


async def test_what_an_endpoint_tells_of_its_rates_is_kept_to():
    """It said that nothing is left for a day; who waits is freed by the brake."""
    told = {
        "X-RateLimit-Limit-Tokens": "1000",
        "X-RateLimit-Remaining-Tokens": "0",
        "X-RateLimit-Reset-Tokens": "23h59m",
    }

    async def nothing_left(_: Server) -> web.Response:
        return good(**told)

    brake = Brake()
    async with serve(nothing_left) as server, throttled([server.url], brake) as model:
        await model.reply(Request("m", (USER,)))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pull_when_waited_for, model, brake)
            with pytest.raises(NotAskedError):
                await model.reply(Request("m", (USER,)))
        assert server.count == 1


async def _pull_when_waited_for(model: Throttled[OwnDoor], brake: Brake) -> None:
    while not len(model.door.gate.waiting):
        await anyio.lowlevel.checkpoint()
    brake.pull("signal", "stop")


async def test_those_who_wait_for_the_clock_are_let_in_by_it():
    """A thousand a second, and one at once: all of them come through, by nothing but time."""
    async with (
        serve(well) as server,
        throttled([server.url], rpm=60_000.0, tpm=60_000_000.0) as model,
    ):
        assert await run(model, 16, turns=10) == {"good": 160}
        assert model.door.gate.due(anyio.current_time()) == float("inf")


@pytest.mark.parametrize("seed", range(5))
async def test_whoever_is_cancelled_leaves_the_gate_as_it_was(seed: int):
    """While waiting or while asking, again and again."""
    chance = random.Random(seed)

    async def slow(server: Server) -> web.Response:
        if server.count > 1 and server.count % 3:
            await anyio.sleep_forever()
        return good()

    async with serve(slow) as server, throttled([server.url], most=4) as model:

        async def session() -> None:
            with anyio.move_on_after(chance.uniform(0, 0.05)):
                await model.reply(Request("m", (USER,)))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(50):
                    tasks.start_soon(session)
        assert [lane.in_flight for lane in model.door.gate.lanes] == [0]
        assert len(model.door.gate.waiting) == 0


async def test_a_request_that_is_cancelled_says_whether_it_was_held_back():
    """The first is on its way and holds back the second; of the two only one was sent."""
    here = anyio.Event()

    async def never(_: Server) -> web.Response:
        here.set()
        await anyio.sleep_forever()
        return good()

    first, second = anyio.Event(), anyio.Event()
    async with serve(never) as server, throttled([server.url]) as model:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(model.reply, Request("m", (USER,), held=first))
            await here.wait()
            tasks.start_soon(model.reply, Request("m", (USER,), held=second))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert (first.is_set(), second.is_set(), server.count) == (False, True, 1)


async def test_a_request_that_got_leave_as_its_time_was_over_was_held_back():
    """It is cancelled in the moment in which the one before it makes room."""
    here = anyio.Event()

    async def never(_: Server) -> web.Response:
        here.set()
        await anyio.sleep_forever()
        return good()

    held, before = anyio.Event(), anyio.CancelScope()
    async with serve(never) as server, throttled([server.url]) as model:

        async def ask_first() -> None:
            with before:
                await model.reply(Request("m", (USER,)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_first)
            await here.wait()
            tasks.start_soon(model.reply, Request("m", (USER,), held=held))
            while not len(model.door.gate.waiting):
                await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.2)  # what it waits for is longer than what follows
            before.cancel()
            while len(model.door.gate.waiting):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert held.is_set()


async def test_a_failure_says_whether_the_request_only_looked_if_the_endpoint_is_up():
    """After five in a row the endpoint is taken to be down, and the sixth looks."""

    async def down(_: Server) -> web.Response:
        return refusal(503)

    looked: list[bool] = []
    async with serve(down) as server, throttled([server.url]) as model:
        for _ in range(6):
            with pytest.raises(EndpointError) as raised:
                await model.reply(Request("m", (USER,)))
            looked.append(raised.value.failure.probe)
    assert looked == [False] * 5 + [True]
