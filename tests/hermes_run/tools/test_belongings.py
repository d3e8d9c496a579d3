"""What tools hold open lives as long as its session, and closes with it whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.lowlevel
import pytest

from hermes_run import Scripted, run_many
from hermes_run.errors import UsageError
from hermes_run.models.protocol import Reply
from hermes_run.tools import belongings as module
from hermes_run.tools.belongings import open_belongings
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context
from recorder.messages import ToolCall


class Door:
    """A thing that says when it is opened and closed, and fails when it is told to."""

    def __init__(self, name="", said=None, *, fails="", hangs=False, gate=None) -> None:
        self.name, self.said = name, [] if said is None else said
        self.fails, self.hangs, self.gate = fails, hangs, gate

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        """Open it, and close it in the end."""
        if self.fails == "on opening":
            raise ValueError(self.fails)
        if self.gate:
            await self.gate.wait()
        self.said.append(f"opened {self.name}".strip())
        yield self
        await anyio.lowlevel.checkpoint()
        if self.hangs:
            await anyio.sleep_forever()
        if self.fails == "on closing":
            raise ValueError(self.fails)
        self.said.append(f"closed {self.name}".strip())


async def test_a_thing_is_opened_once_and_closed_with_the_session():
    """Calls that ask for it at the same time get the same one."""
    door, got = Door(), []
    async with open_belongings() as belongings:

        async def ask() -> None:
            got.append(await belongings.keep("door", door.open))

        async with anyio.create_task_group() as calls:
            calls.start_soon(ask)
            calls.start_soon(ask)
        assert door.said == ["opened"]
    assert (got, door.said) == ([door, door], ["opened", "closed"])


async def test_the_last_opened_is_closed_first():
    """What stands on something else goes before it."""
    said: list[str] = []
    async with open_belongings() as belongings:
        for name in "abc":
            await belongings.keep(name, Door(name, said).open)
    assert said[3:] == ["closed c", "closed b", "closed a"]


async def test_a_thing_may_hold_a_task_group_although_the_call_that_opened_it_is_gone():
    """It is entered and left in one task of its own."""
    ticks: list[str] = []

    @contextlib.asynccontextmanager
    async def ticking() -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            yield
            ticks.append("left")
            tasks.cancel_scope.cancel()

    async with open_belongings() as belongings, anyio.create_task_group() as calls:
        calls.start_soon(belongings.keep, "ticking", ticking)
    assert ticks == ["left"]


async def test_what_is_held_is_closed_in_peace_where_the_session_is_cancelled():
    """The close may wait: it is shielded."""
    door = Door()
    with anyio.CancelScope() as session:
        async with open_belongings() as belongings:
            await belongings.keep("door", door.open)
            session.cancel()
            await anyio.sleep_forever()
    assert door.said == ["opened", "closed"]


async def test_a_close_that_raises_is_in_the_log_and_nowhere_else(caplog):
    """The session and the other things know nothing of it."""
    door = Door()
    async with open_belongings() as belongings:
        await belongings.keep("door", door.open)
        await belongings.keep("trap", Door(fails="on closing").open)
    assert door.said == ["opened", "closed"]
    assert "closing trap failed" in caplog.text


async def test_a_close_that_hangs_is_cancelled(caplog, monkeypatch):
    """Its time limit ends it, and the others close after it."""
    monkeypatch.setattr(module, "CLOSE_S", 0.01)
    door = Door()
    async with open_belongings() as belongings:
        await belongings.keep("door", door.open)
        await belongings.keep("trap", Door(hangs=True).open)
    assert door.said == ["opened", "closed"]
    assert "trap did not close within 0.01 s" in caplog.text


async def test_an_opening_that_failed_is_told_and_tried_again():
    """Nothing is remembered of it."""
    door = Door(fails="on opening")
    async with open_belongings() as belongings:
        for _ in range(2):
            with pytest.raises(ValueError, match="on opening"):
                await belongings.keep("door", door.open)
        door.fails = ""
        assert await belongings.keep("door", door.open) is door


async def test_an_opening_goes_on_where_the_call_that_began_it_is_cancelled():
    """The next call gets what it gave."""
    gate = anyio.Event()
    door = Door(gate=gate)
    async with open_belongings() as belongings:
        with anyio.CancelScope() as call:
            call.cancel()
            await belongings.keep("door", door.open)
        assert door.said == []
        gate.set()
        assert await belongings.keep("door", door.open) is door
    assert door.said == ["opened", "closed"]


async def test_an_opening_that_is_not_done_at_the_end_is_given_up():
    """Who waits for it is told."""
    told: list[BaseException] = []
    async with anyio.create_task_group() as calls, open_belongings() as belongings:

        async def ask() -> None:
            try:
                await belongings.keep("door", Door(gate=anyio.Event()).open)
            except UsageError as error:
                told.append(error)

        calls.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
    assert "door was not open when the session ended" in str(told[0])


async def test_nothing_is_opened_after_the_end():
    """A call that was left behind in its thread finds the door shut."""
    async with open_belongings() as belongings:
        pass
    with pytest.raises(UsageError, match="the session is over"):
        await belongings.keep("door", Door().open)


async def test_what_breaks_while_it_is_held_is_opened_anew(caplog):
    """A connection whose tasks fail takes nobody with it."""
    broken, left = anyio.Event(), anyio.Event()

    @contextlib.asynccontextmanager
    async def breaking() -> AsyncIterator[str]:
        async def fail() -> None:
            await broken.wait()
            raise OSError("the line is cut")

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail)
                yield "line"
        finally:
            left.set()

    async with open_belongings() as belongings:
        await belongings.keep("line", breaking)
        broken.set()
        await left.wait()
        assert await belongings.keep("line", Door().open) != "line"
    assert "holding line failed" in caplog.text


async def test_plain_context_managers_work_in_threads_also_from_plain_functions(context):
    """A plain function opens with `keep_sync`."""
    said: list[str] = []

    @contextlib.contextmanager
    def folder() -> Iterator[str]:
        said.append("made")
        yield "folder"
        said.append("removed")

    def use(context: Context) -> str:
        return context.keep_sync("folder", folder)

    async with open_belongings() as belongings:
        within = Context("s", context.sandbox, belongings=belongings)
        for _ in range(2):
            assert (await tool(use).run({}, within)).content == "folder"
        assert said == ["made"]
    assert said == ["made", "removed"]


async def test_a_context_without_an_owner_says_how_to_get_one(context):
    """Contexts made by hand hold nothing open unless they are told who closes it."""
    with pytest.raises(UsageError, match="open_belongings"):
        await context.keep("door", Door().open)


async def test_what_the_block_raises_leaves_it_as_it_is():
    """No exception group around it."""

    async def fail() -> None:
        async with open_belongings() as belongings:
            await belongings.keep("door", Door().open)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def test_each_session_has_state_and_belongings_of_its_own(tmp_path):
    """They end with it, before its row counts for anything else."""
    said: list[str] = []

    @tool(effect="pure")
    async def count(context: Context) -> int:
        """Count calls."""
        await context.keep("door", Door(context.session, said).open)
        context.state["calls"] = context.state.get("calls", 0) + 1
        return context.state["calls"]

    ask = [Reply(calls=(ToolCall(f"c{n}", "count", "{}"),)) for n in range(2)]
    model = Scripted([*ask, "done"] * 3)
    run = run_many("abc", model=model, record=tmp_path / "r", tools=[count], concurrency=1)
    sessions = [session async for session in run]
    results = [
        [r.output for turn in s.turns for r in getattr(turn, "results", ())] for s in sessions
    ]
    assert results == [["1", "2"]] * 3
    assert said == [f"{what} {s.id}" for s in sessions for what in ("opened", "closed")]


async def test_a_session_whose_time_is_over_closes_what_its_calls_opened(tmp_path):
    """Its call still runs; the door is shut after it."""
    said: list[str] = []

    @tool(effect="pure")
    async def hang(context: Context) -> None:
        """Open a door and wait."""
        await context.keep("door", Door("", said).open)
        await anyio.sleep_forever()

    model = Scripted([Reply(calls=(ToolCall("c", "hang", "{}"),))])
    options = {"tools": [hang], "session_timeout": 0.5}
    run = run_many(["a"], model=model, record=tmp_path / "r", **options)
    assert [s.ended.outcome async for s in run if s.ended] == ["limit"]
    assert said == ["opened", "closed"]
