"""Toolsets that can't be used: all of them are named, with what to type."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from hermes_run.errors import UsageError
from hermes_run.tools.lack import needs
from hermes_run.tools.shelf import Shelf, lacking, toolbox_of, whole


def refusal(shelf: Shelf, *names: str) -> str:
    """Give the text with which toolsets are refused, or the run."""
    with pytest.raises(UsageError) as caught:
        toolbox_of(shelf, names) if names else whole(shelf)
    return str(caught.value)


def test_a_distribution_is_refused_that_can_draw_what_nothing_backs(stock):
    """With a distribution to copy that draws the rest."""
    assert refusal(stock(distribution="research")) == snapshot("""\
the distribution 'research' can draw toolsets that can't be used:
  nothing backs browser, vision, moa
  web is of no use without a network
For web: type --network host, or do as follows.
Back each of them with an MCP server: give a server that name in the file of --mcp, as
  {"mcpServers": {"browser": {"command": "..."}}}
or take the tools of a server that has another one, in the file of --toolsets-file:
  [toolsets.browser]
  mcp = ["SERVER"]
To leave them out, write a distribution of your own there and name it with --distribution:
  [distributions.mine]
  terminal = 10\
""")


def test_a_distribution_that_draws_nothing_usable_is_told_what_is_always_there(stock):
    """There is nothing of it to keep."""
    assert refusal(stock(distribution="browser_only")) == snapshot("""\
the distribution 'browser_only' can draw toolsets that can't be used:
  nothing backs browser
Back browser with an MCP server: give a server that name in the file of --mcp, as
  {"mcpServers": {"browser": {"command": "..."}}}
or take the tools of a server that has another one, in the file of --toolsets-file:
  [toolsets.browser]
  mcp = ["SERVER"]
To leave it out, write a distribution of your own there and name it with --distribution:
  [distributions.mine]
  terminal = 100\
""")


def test_a_toolset_that_nothing_backs_is_refused_where_it_is_named(stock):
    """The distribution is not to blame for what a row names."""
    assert refusal(stock(distribution="terminal_only"), "file", "vision") == snapshot("""\
toolsets are asked for that can't be used:
  nothing backs vision
Back vision with an MCP server: give a server that name in the file of --mcp, as
  {"mcpServers": {"vision": {"command": "..."}}}
or take the tools of a server that has another one, in the file of --toolsets-file:
  [toolsets.vision]
  mcp = ["SERVER"]\
""")


def test_the_web_needs_the_network(stock, named):
    """Also through another toolset; a server has its own."""
    text = "[toolsets.mine]\ntools = ['fetch', 'run']"
    assert refusal(stock(text), "mine", "web") == snapshot("""\
toolsets are asked for that can't be used:
  mine, web is of no use without a network
For mine, web: type --network host, or do as follows.
Back each of them with an MCP server: give a server that name in the file of --mcp, as
  {"mcpServers": {"mine": {"command": "..."}}}
or take the tools of a server that has another one, in the file of --toolsets-file:
  [toolsets.mine]
  mcp = ["SERVER"]\
""")
    assert list(toolbox_of(stock(text, network="host"), ["mine"]).tools) == ["fetch", "run"]
    assert list(toolbox_of(stock(servers={"web": [named("x")]}), ["web"]).tools) == ["x"]


def test_a_server_that_is_not_there_is_named_when_its_toolset_is_used(stock, named):
    """The file may be shared by runs without it."""
    text = "[toolsets.browser]\nmcp = ['pages', 'sight']\n[distributions.d]\nbrowser = 5\nfile = 9"
    assert refusal(stock(text, {"sight": [named("x")]}, distribution="d")) == snapshot("""\
the distribution 'd' can draw toolsets that can't be used:
  browser is to have tools of the MCP server pages, not in the file of --mcp
Name the missing servers in the file of --mcp.
To leave it out, write a distribution of your own there and name it with --distribution:
  [distributions.mine]
  file = 9\
""")
    assert refusal(stock(text), "browser") == snapshot("""\
toolsets are asked for that can't be used:
  browser is to have tools of the MCP servers pages, sight, not in the file of --mcp
Name the missing servers in the file of --mcp.\
""")


def test_a_usable_distribution_is_drawn_from(stock):
    """What has no chance needs no backing."""
    whole(stock(distribution="terminal_only"))
    whole(stock("[distributions.d]\nfile = 1\nmoa = 0", distribution="d"))
    whole(stock(distribution="terminal_web", network="host"))


def test_what_is_needed_is_said_in_a_few_words(stock):
    """For lists."""
    shelf = stock("[toolsets.vision]\nmcp = ['sight']")
    assert needs(lacking(shelf, ["moa", "vision", "web", "file"])) == [
        "an MCP server for moa",
        "the MCP server sight",
        "--network host for web",
    ]
    assert needs(lacking(shelf, ["file"])) == []
