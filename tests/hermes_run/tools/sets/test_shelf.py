"""The shelf of a run: what each name stands for, and what a prompt gets."""

from __future__ import annotations

import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.distributions import Draw
from hermes_run.tools.shelf import Shelf, Toolset, choose, idle, odds, resolve, toolbox_of, whole


def names(shelf: Shelf, *toolsets: str) -> list[str]:
    """Name the tools of toolsets."""
    return list(toolbox_of(shelf, toolsets).tools)


def test_a_prompt_gets_the_toolsets_of_the_run(stock):
    """Unless there is a distribution."""
    shelf = stock()
    assert list(whole(shelf).tools) == ["run", "read", "search"]
    assert choose(shelf, "key") == Draw(("default",))
    assert odds(shelf) is None
    assert whole(stock(toolsets=())).tools == {}


def test_a_distribution_draws_the_toolsets_of_a_prompt(stock):
    """All that it can draw is what the run has."""
    shelf = stock("[distributions.mine]\nsearch = 30\nfile = 0\nterminal = 20", distribution="mine")
    assert list(whole(shelf).tools) == ["search", "run"]
    drawn = {choose(shelf, f"{n}").toolsets for n in range(99)}
    assert drawn == {("search",), ("terminal",), ("search", "terminal")}
    assert choose(shelf, "a").seed != choose(shelf, "b").seed
    assert odds(shelf) == {
        "search": {"percent": 30.0, "tools": ["search"]},
        "file": {"percent": 0.0, "tools": ["read", "search"]},
        "terminal": {"percent": 20.0, "tools": ["run"]},
    }


@pytest.mark.parametrize("asked", [{"toolsets": ("file",)}, {"toolsets": ("default", "file")}])
def test_a_distribution_beside_toolsets_is_refused(stock, asked):
    """Nobody can know what was meant."""
    with pytest.raises(UsageError, match=r"terminal_only draws .* leave one of the two out"):
        stock(distribution="terminal_only", **asked)
    stock(distribution="terminal_only", toolsets=())


def test_an_unknown_distribution_is_refused_with_what_there_is(stock):
    """Those of the file, too."""
    with pytest.raises(UsageError, match=r"no distribution 'saef'\. Did you mean 'safe'.*, mine"):
        stock("[distributions.mine]\nfile = 1", distribution="saef")


def test_a_server_is_a_toolset_of_its_name(stock, named):
    """It backs what is only a name, and the web."""
    shelf = stock(servers={"files": [named("a")], "browser": [named("b")], "web": [named("c")]})
    assert names(shelf, "files", "browser", "web") == ["a", "b", "c"]
    assert shelf.toolsets["browser"].origin == "MCP server"


@pytest.mark.parametrize("name", ["terminal", "default"])
def test_a_server_may_not_take_the_name_of_a_toolset_that_is_there(stock, named, name):
    """Runs that name it would change without a word."""
    with pytest.raises(UsageError, match=f"server '{name}' has the name of a built-in toolset"):
        stock(servers={name: [named("a")]})


def test_a_toolset_of_the_file_counts_before_servers_and_what_is_built_in(stock, named):
    """It takes tools by name, of servers, and of other toolsets."""
    text = """
    [toolsets.browser]
    tools = ["search", "mine", "b"]
    includes = ["terminal"]
    mcp = ["browser", "pages"]
    [toolsets.file]
    tools = ["read"]
    """
    servers = {"browser": [named("a"), named("b")], "pages": [named("c")]}
    shelf = stock(text, servers, (named("mine"), named("other")))
    assert names(shelf, "browser") == ["search", "mine", "b", "a", "c", "run", "other"]
    assert names(shelf, "default") == ["run", "read", "other"]
    assert shelf.toolsets["browser"].origin == "toolsets file"


def test_tools_of_ones_own_are_in_every_session_unless_a_toolset_names_them(stock, named):
    """Else nothing could be drawn of them."""
    mine, other = named("mine"), named("other")
    shelf = stock("[toolsets.mine]\ntools = ['mine']", tools=(mine, other), toolsets=("search",))
    assert list(whole(shelf).tools) == ["search", "other"]
    assert names(shelf, "mine") == ["mine", "other"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[toolsets.a]\ntools = ['serch']",
            r"sets.toml: \[toolsets.a\] there is no tool 'serch'. Did you mean 'search'\? Known",
        ),
        (
            "[toolsets.a]\nincludes = ['termial']",
            r"\[toolsets.a\] there is no toolset 'termial'. Did you mean 'terminal'",
        ),
        ("[toolsets.a]\nincludes = ['a']", "'a' includes itself: a -> a"),
        (
            "[toolsets]\na.includes=['b']\nb.includes=['file', 'c']\nc.includes=['b']",
            r"\[toolsets.a\] the toolset 'b' includes itself: b -> c -> b",
        ),
        ("[toolsets.terminal]\nincludes=['default']", "terminal -> default -> terminal"),
        (
            "[distributions.d]\nweb = 5\nbrowsr = 5",
            r"sets.toml: \[distributions.d\] there is no toolset 'browsr'. Did you mean 'browser'",
        ),
    ],
)
def test_a_file_that_names_what_is_not_there_is_refused(stock, text, said):
    """Also where the run would not use it."""
    with pytest.raises(UsageError, match=said):
        stock(text)


def test_includes_may_meet():
    """A diamond brings a tool once."""
    sets = {
        "a": Toolset("", includes=("b", "c")),
        "b": Toolset("", includes=("d",)),
        "c": Toolset("", includes=("d",)),
        "d": Toolset(""),
    }
    assert resolve(["a", "d", "a"], sets) == []


def test_two_tools_of_one_name_can_not_be_in_one_run(stock, named):
    """A model could not tell them apart."""
    shelf = stock(servers={"one": [named("x")], "two": [named("x")]}, toolsets=("one", "two"))
    with pytest.raises(UsageError, match="two tools are called 'x'"):
        whole(shelf)
    assert names(shelf, "two") == ["x"]


def test_servers_that_no_prompt_gets_are_named(stock, named):
    """One whose tools another toolset takes is used, one that has none is not."""
    servers = {"a": [named("a")], "b": [named("b")], "c": [named("c")], "d": []}
    text = "[toolsets.mine]\nmcp = ['b']"
    assert idle(stock(text, servers, toolsets=("mine", "c"))) == ["a", "d"]
    assert idle(stock(toolsets=("file",))) == []
