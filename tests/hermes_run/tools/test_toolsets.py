"""Toolsets, and the toolbox that their names make."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolbox import Toolbox, make_toolbox
from hermes_run.tools.toolsets import TOOLSETS, Toolset, load_toolbox, resolve


def named(name: str) -> Tool:
    """Make a tool that does nothing."""

    @tool(name=name, effect="pure")
    def made(text: str) -> str:
        """Give it back."""
        return text

    return made


ONE, TWO, THREE = named("one"), named("two"), named("three")


@pytest.mark.parametrize(
    ("names", "tools"),
    [
        (["terminal"], ["terminal"]),
        (["search"], ["search_files"]),
        (["file"], ["read_file", "write_file", "patch", "search_files"]),
        (["default"], ["terminal", "read_file", "write_file", "patch", "search_files"]),
        (["search", "default"], ["search_files", "terminal", "read_file", "write_file", "patch"]),
        ([], []),
    ],
)
def test_a_toolset_brings_its_tools_and_those_it_includes(names, tools):
    """In the order in which they are named, each once."""
    assert list(load_toolbox(names).tools) == tools


def test_every_toolset_says_what_it_is_for():
    """And every tool in it has a description and describes its arguments."""
    for name, toolset in TOOLSETS.items():
        assert toolset.description
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
    assert list(load_toolbox(["terminal"], [ONE, TWO, ONE]).tools) == ["terminal", "one", "two"]


@pytest.mark.parametrize("name", ["one", "terminal"])
def test_two_tools_of_one_name_are_refused(name):
    """A model could not tell them apart."""
    with pytest.raises(UsageError, match=rf"two tools are called '{name}'.*my_{name}"):
        load_toolbox(["terminal"], [ONE, named(name)])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("terminl", "no toolset 'terminl'. Did you mean 'terminal'\\? Known toolsets: terminal,"),
        ("zzz", "no toolset 'zzz'. Known toolsets"),
    ],
)
def test_an_unknown_toolset_is_refused_with_what_there_is(name, text):
    """A typing error is answered with the nearest name."""
    with pytest.raises(UsageError, match=text):
        load_toolbox(["terminal", name])


def test_includes_may_meet_and_go_round():
    """A diamond brings a tool once, a circle ends."""
    sets: dict[str, Any] = {
        "a": Toolset("", (ONE,), includes=("b", "c")),
        "b": Toolset("", (TWO,), includes=("d",)),
        "c": Toolset("", (), includes=("d", "a")),
        "d": Toolset("", (THREE, ONE), includes=("c",)),
    }
    assert resolve(["a"], sets) == [ONE, TWO, THREE]
    assert resolve(["d", "a"], sets) == [THREE, ONE, TWO]
    with pytest.raises(UsageError, match="no toolset 'e'"):
        resolve(["a"], sets | {"d": Toolset("", includes=("e",))})
