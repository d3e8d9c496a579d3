"""Arguments are checked, and read as they were meant only where that is certain."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools.arguments import Checked, Refused, check, usage
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Tool


class Unit(enum.Enum):
    """A unit of temperature."""

    C = "celsius"
    F = "fahrenheit"


@tool
def sample(
    *,
    text: str = "",
    count: int = 1,
    share: float = 0.5,
    flag: bool = False,
    names: list[str] | None = None,
    options: dict[str, int] | None = None,
    unit: Unit = Unit.C,
    mode: Literal["a", "b"] = "a",
    limit: int | None = None,
) -> None:
    """Take one of everything."""


@tool
def needs(path: str, offset: int) -> None:
    """Have two required arguments."""


@dataclass
class Point:
    """A point."""

    x: int
    y: int = 0


@tool
def draw(at: Point, line: list[Point], grid: list[list[str]], end: Point | None = None) -> None:
    """Have arguments with something in them."""


def test_the_usage_says_what_is_in_lists_and_objects():
    """A model that wrote it wrong learns how it is written."""
    point = "{x: integer, y?: integer}"
    assert usage(draw) == (
        f"draw(at: {point}, line: list of {point}, grid: list of list of string, "
        f"end?: {point}|null)"
    )


DEFAULTS: dict[str, Any] = {
    "text": "",
    "count": 1,
    "share": 0.5,
    "flag": False,
    "names": None,
    "options": None,
    "unit": Unit.C,
    "mode": "a",
    "limit": None,
}


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("{}", {}),
        ("", {}),
        (" \n", {}),
        ('{"text": "x", "count": 3}', {"text": "x", "count": 3}),
        ('{"count": 1, "count": 2}', {"count": 2}),
        ('{"share": 1}', {"share": 1.0}),
        ('{"unit": "fahrenheit", "mode": "b"}', {"unit": Unit.F, "mode": "b"}),
        ('{"names": ["a"], "options": {"x": 1}}', {"names": ["a"], "options": {"x": 1}}),
        ('{"text": "5", "limit": null}', {"text": "5"}),
        ('{"text": "\\ud83d\\ude00"}', {"text": "😀"}),
    ],
)
def test_arguments_that_fit_are_taken_as_they_are(raw, values):
    """Defaults fill in what is left out, and nothing is flagged."""
    assert check(raw, sample) == Checked(DEFAULTS | values)


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("count", "5", 5),
        ("count", " -5 ", -5),
        ("count", 5.0, 5),
        ("count", "9007199254740993", 9007199254740993),
        ("share", "0.25", 0.25),
        ("share", "0.50", 0.5),
        ("share", "3", 3.0),
        ("flag", "true", True),
        ("flag", "False", False),
        ("names", '["a", "b"]', ["a", "b"]),
        ("names", "null", None),
        ("options", '{"x": 1}', {"x": 1}),
        ("text", 5, "5"),
        ("limit", "None", None),
        ("limit", "7", 7),
        ("text", None, ""),
        ("count", None, 1),
    ],
)
def test_a_value_of_the_wrong_type_is_read_as_it_was_meant(name, written, meant):
    """Where nothing is lost and nothing is in doubt, and it is flagged."""
    expected = Checked(DEFAULTS | {name: meant}, (f"coerced:{name}",))
    assert check(json.dumps({name: written}), sample) == expected


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("count", "five"),
        ("count", "5.5"),
        ("count", 5.5),
        ("count", "05"),
        ("count", True),
        ("count", "true"),
        ("count", "1e400"),
        ("count", "9" * 5000),
        ("share", "0.1000000000000000055"),
        ("share", "NaN"),
        ("share", True),
        ("flag", 1),
        ("flag", "yes"),
        ("names", "a, b"),
        ("names", ["a", 1]),
        ("names", "[" * 100_000),
        ("options", '{"x": "y"}'),
        ("text", 5.5),
        ("text", False),
        ("text", ["a"]),
        ("text", {"a": 1}),
        ("mode", "c"),
        ("unit", "kelvin"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_in_doubt_is_refused(name, written):
    """The text names the argument, and shows how the tool is used."""
    refused = check(json.dumps({name: written}), sample)
    assert isinstance(refused, Refused)
    assert refused.flag == "invalid_arguments"
    assert refused.text.startswith(f"The argument '{name}' is wrong: ")
    assert refused.text.endswith(f"Usage: {usage(sample)}")
    assert len(refused.text) < 1000


def test_all_faults_are_said_at_once():
    """One more turn for each would be a waste."""
    refused = check('{"pth": "x", "offset": "y", "more": 1}', needs)
    assert refused == Refused(
        "There is no argument 'pth'. Did you mean 'path'? There is no argument 'more'. "
        "The argument 'path' is missing. "
        "The argument 'offset' is wrong: Expected `int`, got `str`. "
        "Usage: needs(path: string, offset: integer)",
        "invalid_arguments",
    )


def test_null_is_no_value_for_what_is_required():
    """It is as if it were missing."""
    refused = check('{"path": null, "offset": 1}', needs)
    assert isinstance(refused, Refused)
    assert "'path' is wrong: Expected `str`, got `null`" in refused.text


def test_very_many_faults_are_cut_short():
    """A hostile call gets a short answer, too."""
    refused = check(json.dumps({f"{n}" * 1000: 1 for n in range(1000)}), needs)
    assert isinstance(refused, Refused)
    assert len(refused.text) < 1000


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('{"path": "a', "Unterminated string"),
        ("{'path': 'a'}", "double quotes"),
        ('{"path": "a"} {}', "Extra data"),
        ('{"offset": NaN}', "NaN is no JSON number"),
        ('{"offset": -Infinity}', "-Infinity is no JSON number"),
        ('{"path": "a\nb"}', "Invalid control character"),
        ('{"offset": ' + "9" * 5000 + "}", "integer string conversion"),
        ("[" * 200_000, "recursion"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(raw, text):
    """Arguments that cannot be read are never run."""
    refused = check(raw, needs)
    assert isinstance(refused, Refused)
    assert refused.flag == "invalid_json"
    assert text in refused.text
    assert "needs(path: string, offset: integer)" in refused.text


@pytest.mark.parametrize(
    ("raw", "kind"),
    [('"x"', "string"), ("[1]", "list"), ("null", "null"), ("true", "boolean"), ("5", "number")],
)
def test_what_is_no_object_is_refused(raw, kind):
    """The text says what it is instead."""
    refused = check(raw, needs)
    assert isinstance(refused, Refused)
    assert refused.text.startswith(f"The arguments must be one JSON object, not a {kind}.")


@pytest.mark.parametrize("raw", ['{"text": "a\\ud800b"}', '{"text": "a\ud800b"}'])
def test_half_a_surrogate_pair_is_replaced(raw):
    """No file takes it; what was written stands in the record."""
    assert check(raw, sample) == Checked(DEFAULTS | {"text": "a\ufffdb"}, ("replaced:surrogates",))


SELF: dict[str, Any] = {
    "properties": {"a": {"$ref": "#/$defs/Self"}},
    "$defs": {"Self": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Self"}}}},
}


async def echo(arguments: Any, context: Any) -> Any:
    """Stand in for a foreign tool."""


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({}, "far()"),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "far(a: string)"),
        ({"properties": {"a": True, "b": {"type": ["integer", "null"]}}}, None),
        ({"properties": [], "required": 3}, "far()"),
        ({"properties": {"a": {"anyOf": [{"type": "string"}, 5]}}}, "far(a?: string|any)"),
        ({"properties": {"a": {"enum": ["x", 1]}}}, "far(a?: 'x'|1)"),
        ({"properties": {"a": {"anyOf": 3, "enum": {}, "type": "array"}}}, "far(a?: list)"),
        (
            {"properties": {"a": {"type": "array", "items": {"type": "null"}}}},
            "far(a?: list of null)",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}, "$defs": []}, "far(a?: any)"),
        (SELF, "far(a?: {a?: {a?: {a?: object}}})"),
    ],
)
def test_a_foreign_schema_is_not_checked_whatever_it_is(parameters, line):
    """Its own server does that; only the form of the arguments is looked at."""
    far = Tool("far", "", parameters, "external", echo)
    assert check('{"anything": 5}', far) == Checked({"anything": 5})
    refused = check("[", far)
    assert isinstance(refused, Refused)
    assert line is None or line in refused.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*DEFAULTS, "other"]), JSON, max_size=4))
def test_any_json_is_either_taken_or_refused(arguments):
    """Nothing that a model writes raises."""
    assert isinstance(check(json.dumps(arguments), sample), Checked | Refused)


@given(st.text(st.characters()))
def test_any_text_is_either_taken_or_refused(raw):
    """Nor does what is no JSON at all."""
    assert isinstance(check(raw, sample), Checked | Refused)
