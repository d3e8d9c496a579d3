"""Toolsets, and the toolbox that their names make."""

from __future__ import annotations

import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import Toolbox, make_toolbox
from hermes_run.tools.toolsets import TOOLSETS, load_toolbox


def named(name: str) -> Tool:
    """Make a tool that does nothing."""

    @tool(name=name, effect="pure")
    def made(text: str) -> str:
        """Give it back."""
        return text

    return made


ONE, TWO = named("one"), named("two")


@pytest.mark.parametrize(
    ("names", "tools"),
    [
        (["terminal"], ["terminal", "process"]),
        (["search"], ["search_files"]),
        (["python", "todo", "web"], ["python", "todo", "web_fetch"]),
        (["file"], ["read_file", "write_file", "patch", "search_files"]),
        (["default"], ["terminal", "process", "read_file", "write_file", "patch", "search_files"]),
        (
            ["search", "default"],
            ["search_files", "terminal", "process", "read_file", "write_file", "patch"],
        ),
        ([], []),
    ],
)
def test_a_toolset_brings_its_tools_and_those_it_includes(names, tools):
    """In the order in which they are named, each once."""
    assert list(load_toolbox(names).tools) == tools


@pytest.mark.parametrize("name", TOOLSETS)
def test_every_toolset_says_what_it_is_for(name):
    """And every tool in it has a description and describes its arguments."""
    assert TOOLSETS[name].description
    for each in load_toolbox([name]).tools.values():
        assert each.description
        assert all(entry["description"] for entry in each.parameters["properties"].values())


def test_schemas_are_those_of_the_chat_format():
    """One for each tool."""
    assert make_toolbox([ONE]).schemas == (
        {
            "type": "function",
            "function": {
                "name": "one",
                "description": "Give it back.",
                "parameters": {
                    "type": "object",
                    "properties": {"text": {"type": "string"}},
                    "required": ["text"],
                    "additionalProperties": False,
                },
            },
        },
    )


def test_the_effect_of_a_name_that_is_no_tool_is_none():
    """Nothing runs, so nothing has to be durable before."""
    box = load_toolbox(["terminal"])
    assert (box.effect_of("terminal"), box.effect_of("terminl")) == ("workspace", "pure")
    assert Toolbox().schemas == ()


def test_ones_own_tools_come_after_the_toolsets():
    """The same tool twice is one."""
    assert list(load_toolbox(["terminal"], [ONE, TWO, ONE]).tools) == [
        "terminal",
        "process",
        "one",
        "two",
    ]


@pytest.mark.parametrize("name", ["one", "terminal"])
def test_two_tools_of_one_name_are_refused(name):
    """A model could not tell them apart."""
    with pytest.raises(UsageError, match=rf"two tools are called '{name}'.*my_{name}"):
        load_toolbox(["terminal"], [ONE, named(name)])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("terminl", "no toolset 'terminl'. Did you mean 'terminal'\\? Known toolsets: default,"),
        ("zzz", "no toolset 'zzz'. Known toolsets"),
    ],
)
def test_an_unknown_toolset_is_refused_with_what_there_is(name, text):
    """A typing error is answered with the nearest name."""
    with pytest.raises(UsageError, match=text):
        load_toolbox(["terminal", name])
