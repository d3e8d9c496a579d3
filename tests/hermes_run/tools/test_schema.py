"""A function becomes a tool: its schema from the signature, its texts from the docstring."""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_type

import anyio
import msgspec
import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.call import execute
from hermes_run.tools.schema import tool
from hermes_run.tools.threads import AT_ONCE
from hermes_run.tools.tool import Context, Output, Tool
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import ToolCall

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypes


class Color(enum.Enum):
    """A colour."""

    RED = "red"


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


async def give(made: Tool, context: Context, **arguments: Any) -> Output:
    """Call *made* as a model does."""
    call = ToolCall("c", made.name, json.dumps(arguments))
    return await execute(call, make_toolbox([made]), context)


def test_the_decorator_makes_a_tool_with_and_without_options():
    """Type checkers see a Tool either way."""

    @tool
    def one(city: str) -> str:
        """Weather in a city."""
        return city

    @tool(effect="read", name="two-b", description="Another text.")
    async def two(city: str) -> str:
        """Weather in a city."""
        return city

    assert_type(one, Tool)
    assert_type(two, Tool)
    assert_type(tool(effect="pure"), Callable[[Callable[..., Any]], Tool])
    assert (one.name, one.description, one.effect) == ("one", "Weather in a city.", "external")
    assert (two.name, two.description, two.effect) == ("two-b", "Another text.", "read")


def test_a_schema_says_types_defaults_and_descriptions():
    """Everything a model needs to call it."""

    @tool
    def search(
        context: Context,
        query: str,
        limit: Annotated[int, msgspec.Meta(ge=1, description="My own words.")] = 10,
        kind: Literal["web", "news"] = "web",
        tags: list[str] | None = None,
    ) -> str:
        """Search the web.

        The best results come
        first:

        - web pages
        - news

        Args:
            query: What to look for,
                in plain words.
            limit: These words are not used.
            kind: Where to look.
            gone: A parameter that is no more.

        Returns:
            The results.
        """
        return query

    assert search.description == (
        "Search the web.\n\nThe best results come first:\n\n- web pages\n- news"
    )
    assert search.parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for, in plain words."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "default": 10,
                "description": "My own words.",
            },
            "kind": {"enum": ["news", "web"], "default": "web", "description": "Where to look."},
            "tags": {
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "default": None,
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "text",
    [
        "Do it.\n\nParameters\n----------\ncity : str\n    The city.\n",
        "Do it.\n\n:param city: The city.\n",
        "Do it.\n\nArgs:\n    city (str): The city.\n",
    ],
    ids=["numpy", "rest", "google"],
)
def test_the_common_styles_of_docstrings_are_read(text):
    """NumPy, reST and Google."""

    def visit(city: str) -> str:
        return city

    visit.__doc__ = text
    made = tool(visit)
    assert made.description == "Do it."
    assert made.parameters["properties"]["city"]["description"] == "The city."


def test_a_function_without_docstring_and_parameters_is_a_tool():
    """An empty object is a schema, too."""

    @tool
    def now() -> str:
        return "noon"

    empty = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert (now.description, now.parameters) == ("", empty)


async def test_types_arrive_as_they_are_annotated(context):
    """Structs, dataclasses and enums are made of what the model wrote."""
    seen: list[Any] = []

    class Local(msgspec.Struct):
        name: str

    @tool
    def take(point: Point, color: Color, local: Local, points: list[Point]) -> None:
        """Take them."""
        seen.extend([point, color, local, points])

    output = await give(
        take, context, point={"x": 1}, color="red", local={"name": "n"}, points=[{"x": 2, "y": 3}]
    )
    assert output.status == "ok"
    assert seen == [Point(1), Color.RED, Local("n"), [Point(2, 3)]]
    assert set(take.parameters["$defs"]) == {"Point", "Color", "Local"}
    assert take.parameters["properties"]["point"] == {"$ref": "#/$defs/Point"}


async def test_defaults_are_those_of_the_function(context):
    """Also ones that JSON does not know, and `None` where the annotation forgot it."""
    marker = object()

    @tool
    def take(
        names: list[str] = ["a"],  # noqa: B006 - what is tested
        limit: int = None,  # type: ignore[assignment] # noqa: RUF013 - the same
        anything: Any = marker,
    ) -> list[Any]:
        return [names, limit, anything is marker]

    assert (await give(take, context)).content == '[["a"],null,true]'
    assert (await give(take, context, limit=None)).flags == ("coerced:limit",)
    assert (await give(take, context, limit=3, names=[])).content == "[[],3,true]"


async def test_the_context_is_given_and_no_argument(context):
    """Wherever it stands and whatever it is called; a model can't send one."""

    @tool
    async def where(word: str, here: Context) -> str:
        return f"{word} {here.session}"

    assert list(where.parameters["properties"]) == ["word"]
    assert (await give(where, context, word="in")).content == "in session"
    assert (await give(where, context, word="in", here={})).status == "invalid"


async def test_methods_and_wrapped_functions_are_tools(context):
    """What a function is bound to or wrapped in does not matter."""

    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def add(self, by: int) -> int:
            self.count += by
            return self.count

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return wrapper

    @tool
    @logged
    async def double(number: int) -> int:
        return 2 * number

    add = tool(Counter().add)
    assert [(await give(add, context, by=2)).content for _ in range(2)] == ["2", "4"]
    assert (await give(double, context, number=4)).content == "8"


async def test_a_plain_function_that_returns_an_awaitable_is_awaited_by_nobody(context):
    """A lambda around a coroutine is not async; the result is an error and not a lost wait."""

    @tool
    def late() -> Any:
        return anyio.Event()

    assert (await give(late, context)).status == "error"


async def test_plain_functions_run_beside_the_loop_and_at_once(context):
    """As many as there are places wait for each other without standing still."""
    arrived: list[int] = []
    all_there = anyio.Event()

    @tool
    def wait(number: int) -> int:
        anyio.from_thread.run_sync(arrived.append, number, token=token)
        return number

    token = anyio.lowlevel.current_token()
    results: list[str] = []

    async def one(number: int) -> None:
        results.append((await give(wait, context, number=number)).content)
        if len(results) == AT_ONCE + 5:
            all_there.set()

    async with anyio.create_task_group() as group:
        for number in range(AT_ONCE + 5):
            group.start_soon(one, number)
        await all_there.wait()
    assert sorted(arrived) == sorted(map(int, results)) == list(range(AT_ONCE + 5))


def bare(city) -> None:
    """Say nothing of the city."""


def starred(*cities: str) -> None:
    """Take any number."""


def keywords(**cities: str) -> None:
    """Take any names."""


def positional(city: str, /) -> None:
    """Take no names."""


def yields(city: str) -> Iterator[str]:
    """Give one after the other."""
    yield city


async def yields_later(city: str) -> AsyncIterator[str]:
    """Give one after the other."""
    yield city


def unknown_type(price: OnlyForTypes) -> None:
    """Name a type that is not there at run time."""


def no_json(what: anyio.Event) -> None:
    """Name a type that JSON can't carry."""


def two_lists(what: list[int] | tuple[str, ...]) -> None:
    """Name a union that can't be told apart."""


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (bare, r"bare\(\) does not say what city is; annotate it, as in `city: str`"),
        (starred, r"starred\(\) takes \*cities, of which no schema can be made"),
        (keywords, r"keywords\(\) takes \*cities, of which no schema"),
        (positional, r"positional\(\) takes city by position only.* remove the `/`"),
        (yields, "the tool yields yields; let it return one value"),
        (yields_later, "the tool yields_later yields"),
        (unknown_type, r"annotation of price, 'OnlyForTypes', can't be resolved .*TYPE_CHECKING"),
        (no_json, r"no_json\(\) has a parameter that JSON can't carry .*Event"),
        (two_lists, r"two_lists\(\) has a parameter that JSON can't carry .*array-like"),
        (lambda: None, "tool name '<lambda>'; write @tool"),
        (functools.partial(bare, 1), "takes a function, not functools.partial"),
        (Point, "takes a function, not <class"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_when_it_is_decorated(function, text):
    """And the text says what to write instead."""
    with pytest.raises(UsageError, match=text):
        tool(function)


@pytest.mark.parametrize("name", ["has space", "x" * 65, "ümlaut", "a.b"])
def test_a_name_that_no_endpoint_takes_is_refused(name):
    """They would all answer 400."""
    with pytest.raises(UsageError, match="no endpoint takes the tool name"):
        tool(name=name)(bare)


def test_a_nested_type_that_cannot_be_resolved_is_refused():
    """A struct of a function may name another that only exists there."""

    class Inner(msgspec.Struct):
        x: int

    class Outer(msgspec.Struct):
        inner: Inner

    def take(outer: Outer) -> None:
        """Take it."""

    with pytest.raises(UsageError, match=r"JSON can't carry .*Inner"):
        tool(take)
