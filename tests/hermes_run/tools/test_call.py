"""Whatever the model wrote and whatever the tool does, a call gives a result."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from hermes_run.errors import SandboxError
from hermes_run.refusals import LARGE
from hermes_run.tools.call import ERROR_BYTES, NAMES_LISTED, execute
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Bounds, Context, Output, Tool
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import ToolCall


class Panic(BaseException):
    """What native extensions raise is no Exception."""


class Mute(Exception):
    """An error that fails to say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Picky(msgspec.Struct):
    """A type whose own check fails in an unexpected way."""

    name: str

    def __post_init__(self) -> None:
        raise KeyError(self.name)


async def nothing(arguments: Any, context: Any) -> Output:
    """Stand in for a tool that nobody calls."""
    raise AssertionError(arguments, context)


async def give(
    function: Callable[..., Any] | Tool, context: Context, arguments: str = "{}"
) -> Output:
    """Call the one tool *function*."""
    made = function if isinstance(function, Tool) else tool(function)
    return await execute(ToolCall("c", made.name, arguments), make_toolbox([made]), context)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("text", "text"),
        ("", ""),
        (None, "null"),
        (3, "3"),
        ({"a": ["é", None]}, '{"a":["é",null]}'),
        (["half \ud800"], '["half \\ud800"]'),
        ("half \ud800, whole \ud83d\ude00, nul \0", "half \ufffd, whole 😀, nul \ufffd"),
        (Output("own", exit_code=4), "own"),
        (Output({"a": 1}), '{"a":1}'),
        (math.nan, "null"),
    ],
)
async def test_what_a_tool_returns_becomes_text(context, value, content):
    """Strings as they are, everything else as JSON, and always text that can be written."""

    def answer() -> Any:
        return value

    output = await give(answer, context)
    assert (output.content, output.status) == (content, "ok")
    output.content.encode()


async def test_what_an_output_says_besides_its_content_stays(context):
    """Status, exit code and flags are the tool's own."""

    def answer(number: int) -> Output:
        return Output("x", status="error", exit_code=number, flags=("mine",), bytes=7)

    output = await give(answer, context, '{"number": "3"}')
    assert output == Output("x", "error", 7, 3, ("mine", "coerced:number"))


async def test_output_is_cut_by_bytes(context):
    """Head and tail stay, the cut is said, and so is the size before it."""

    def answer() -> str:
        return "ä" * 4000

    output = await give(answer, context)
    assert output.bytes == 8000
    assert output.content == "ä" * 1000 + "\n[... 4000 bytes cut ...]\n" + "ä" * 1000


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such city"), "ValueError: no such city"),
        (KeyError(), "KeyError"),
        (Mute(), "Mute"),
        (SystemExit(3), "SystemExit: 3"),
        (Panic("native"), "Panic: native"),
        (StopIteration(), "StopIteration"),
        (TimeoutError("slow"), "TimeoutError: slow"),
        (ExceptionGroup("both", [ExceptionGroup("in", [OSError("a")])]), "OSError: a"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_what_a_tool_raises_is_a_result(context, error, text, kind):
    """Type and text reach the model, a traceback never does."""

    def plain() -> str:
        raise error

    async def awaited() -> str:
        raise error

    output = await give({"plain": plain, "async": awaited}[kind], context)
    assert output.status == "error"
    said = json.loads(output.content)["error"]
    assert said == text or (isinstance(error, StopIteration) and "StopIteration" in said)


async def test_a_long_text_of_an_error_loses_its_middle(context):
    """Errors quote what they were given, and that may be anything."""

    def fails() -> None:
        raise ValueError("\ud800" + "x" * 100_000 + "end")

    said = json.loads((await give(fails, context)).content)["error"]
    assert said.startswith("ValueError: ?xxx")
    assert said.endswith("xxxend")
    assert len(said) < ERROR_BYTES + 50


async def test_a_broken_sandbox_is_flagged(context):
    """It is neither the model's fault nor the tool's."""

    async def breaks() -> str:
        raise ExceptionGroup("in a task", [SandboxError("gone")])

    output = await give(breaks, context)
    assert (output.status, output.flags) == ("error", ("sandbox_broke",))


@pytest.mark.parametrize("value", [object(), [lambda: 0], {1, object()}])
async def test_what_is_no_json_is_an_error_of_the_tool(context, value):
    """It is said as any other failure."""

    def answer() -> Any:
        return value

    assert (await give(answer, context)).status == "error"


async def test_a_value_that_holds_itself_is_an_error_of_the_tool(context):
    """Writing it does not end, and does not go on for ever either."""
    value: list[Any] = []
    value.append(value)

    def answer() -> Any:
        return value

    assert "written as JSON" in (await give(answer, context)).content


async def test_a_tool_made_by_hand_may_return_nonsense(context):
    """A run function that gives no Output fails like any other."""

    async def run(arguments: dict[str, Any], context: Context) -> Any:
        return "no output"

    made = Tool("odd", "", {}, "pure", run)
    assert (await give(made, context)).status == "error"


def hurried(context: Context, timeout_s: float = 0.05) -> Context:
    """Give the same place with a limit that is soon over."""
    return msgspec.structs.replace(context, bounds=Bounds(timeout_s=timeout_s))


async def test_an_async_tool_is_stopped_at_its_limit(context):
    """It is cancelled, and the model is told the limit."""

    async def endless() -> None:
        await anyio.sleep_forever()

    output = await give(endless, hurried(context))
    assert output.status == "timeout"
    assert json.loads(output.content) == {"error": "endless was stopped at its limit of 0.05 s"}


async def test_a_plain_tool_is_left_behind_at_its_limit(context):
    """Nobody can stop a thread, but nobody has to wait for it."""
    go_on, ended = threading.Event(), threading.Event()

    def endless() -> None:
        go_on.wait()
        ended.set()

    output = await give(endless, hurried(context))
    assert output.status == "timeout"
    go_on.set()
    assert ended.wait(10)


async def test_a_tool_that_ends_well_when_it_is_stopped_keeps_its_result(context):
    """What it had so far is worth more than a bare timeout."""

    async def careful() -> Output:
        with anyio.move_on_after(0.55):
            await anyio.sleep_forever()
        return Output("half of it", status="timeout")

    assert await give(careful, hurried(context, 0.5)) == Output("half of it", status="timeout")


@pytest.mark.parametrize("wrapped", [False, True])
async def test_cancelling_the_caller_cancels_the_tool(context, wrapped):
    """It is the one thing that is raised, and not taken for a failure of the tool."""
    events: list[str] = []

    async def endless() -> None:
        events.append("started")
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class() as error:
            if wrapped:
                raise BaseExceptionGroup("wrapped", [error]) from None
            raise

    async def call() -> None:
        events.append(str(await give(endless, context)))

    async def cancel_when_started(scope: anyio.CancelScope) -> None:
        while not events:
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            group.start_soon(cancel_when_started, group.cancel_scope)
    except* anyio.get_cancelled_exc_class():
        assert wrapped
    assert events == ["started"]


async def test_an_interrupt_from_the_keyboard_is_not_a_result(context):
    """It ends the run, not the call."""

    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await give(interrupted, context)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("serch", " Did you mean 'search'?"),
        ("zzz", ""),
        ("", ""),
        ("x" * 100_000, ""),
        ("\ud800\0", ""),
    ],
    ids=["similar", "other", "empty", "long", "hostile"],
)
async def test_an_unknown_tool_is_answered_with_what_there_is(context, name, hint):
    """The model gets the names, and a hint where one is near."""
    box = make_toolbox(
        [Tool("search", "", {}, "pure", nothing), Tool("other", "", {}, "pure", nothing)]
    )
    output = await execute(ToolCall("c", name, "{}"), box, context)
    assert (output.status, output.flags) == ("invalid", ("unknown_tool",))
    said = json.loads(output.content)["error"]
    assert said == f"There is no tool {name[:80]!r}.{hint} Available tools: search, other."


async def test_many_names_are_not_all_listed(context):
    """Foreign tools can be hundreds."""
    box = make_toolbox(Tool(f"t{n}", "", {}, "pure", nothing) for n in range(NAMES_LISTED + 2))
    output = await execute(ToolCall("c", "zzz", "{}"), box, context)
    assert output.content.endswith(f't{NAMES_LISTED - 1} and 2 more."}}')


async def test_without_tools_the_model_is_told_so(context):
    """Some models call what they know from elsewhere."""
    output = await execute(ToolCall("c", "search", "{}"), make_toolbox([]), context)
    assert "No tools are available" in output.content


@pytest.mark.parametrize("arguments", ["{", "[]", '{"city": 3.5}', '{"town": "x"}'])
async def test_arguments_that_do_not_fit_are_refused_before_anything_runs(context, arguments):
    """The result is `invalid`, and the tool was not called."""
    called: list[str] = []

    def weather(city: str) -> None:
        called.append(city)

    output = await give(weather, context, arguments)
    assert output.status == "invalid"
    assert "weather(city: string)" in json.loads(output.content)["error"]
    assert called == []


async def test_a_check_of_a_users_own_type_may_fail_as_it_likes(context):
    """It is a failure of the tool, not of the run."""

    def greet(who: Picky) -> None:
        raise AssertionError(who)

    output = await give(greet, context, '{"who": {"name": "x"}}')
    assert (output.status, json.loads(output.content)["error"]) == ("error", "KeyError: 'x'")


async def test_calls_run_at_once_and_keep_their_state_apart(context):
    """State belongs to a session: one of another session is another."""
    other = msgspec.structs.replace(context, session="other", state={})

    async def remember(context: Context, word: str) -> int:
        context.state.setdefault("words", []).append(word)
        return len(context.state["words"])

    made = tool(remember)
    contents = [
        (await give(made, where, f'{{"word": "{word}"}}')).content
        for where, word in ((context, "a"), (context, "b"), (other, "c"))
    ]
    assert contents == ["1", "2", "1"]


async def test_deep_arguments_do_not_overflow_the_stack(context):
    """They are refused like any other text that is no JSON object."""

    def take(value: list[Any]) -> int:
        return len(value)

    deep = "[" * 200_000 + "]" * 200_000
    output = await give(take, context, f'{{"value": {deep}}}')
    assert output.status in {"invalid", "error"}
    assert sys.getrecursionlimit() < 200_000


async def test_large_arguments_are_read_beside_the_loop(context):
    """Every session shares the loop; a type's own check shows where it was read."""
    threads: list[threading.Thread] = []

    class Noted(msgspec.Struct):
        text: str

        def __post_init__(self) -> None:
            threads.append(threading.current_thread())

    async def take(what: Noted) -> int:
        return len(what.text)

    made = tool(take)
    for size in (1, LARGE):
        arguments = json.dumps({"what": {"text": "x" * size}})
        assert (await give(made, context, arguments)).content == str(size)
    assert threads[0] is threading.main_thread()
    assert threads[-1] is not threading.main_thread()
