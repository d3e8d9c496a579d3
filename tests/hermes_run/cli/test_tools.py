"""``hermes-run tools``: what ``--toolsets`` and ``--distribution`` may name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hermes_run.cli.tools import EFFECTS
from hermes_run.tools.distributions import DISTRIBUTIONS
from hermes_run.tools.toolsets import TOOLSETS, resolve

SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "served.py"
OWN = '''
from hermes_run import tool

@tool(effect="read")
def weather(city: str) -> str:
    """Weather in a city. It is made up."""
    return "rain"

def loose(text: str) -> str:
    """Give it back."""
    return text

both = [weather, loose]
'''
SETS = """
[toolsets.vision]
description = "The weather, seen"
tools = ["weather"]
includes = ["search"]
[toolsets.moa]
mcp = ["models"]
[distributions.mine]
description = "Mine"
vision = 12.5
terminal = 50
"""


@pytest.fixture
def own(tmp_path: Path) -> list[object]:
    """Write tools and toolsets of one's own, and give how they are typed."""
    (tmp_path / "own_tools.py").write_text(OWN)
    (tmp_path / "sets.toml").write_text(SETS)
    return ["--tools", "own_tools.py:both", "--toolsets-file", "sets.toml"]


def test_every_toolset_distribution_and_tool_is_listed(command):
    """Includes, tools, percentages, and what each tool may change."""
    done = command("tools")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines() if line.startswith("  ")]
    names = [words[0] for words in lines if words[0] != "needs"]
    tools = [tool.name for tool in resolve(TOOLSETS, TOOLSETS)]
    assert names == [*TOOLSETS, *DISTRIBUTIONS, *tools]
    assert "all of terminal, all of file" in done.out
    assert "[read: reads only]" in done.out
    assert "terminal 80, file 80, moa 60, web 30, vision 10" in done.out


def test_what_is_lacking_is_said_of_toolsets_and_distributions(command):
    """What is usable as it is says nothing."""
    shown = json.loads(command("tools", "--json").out)
    toolsets, distributions = shown["toolsets"], shown["distributions"]
    assert toolsets["browser"]["needs"] == ["an MCP server for browser"]
    assert toolsets["browser"]["backed_by"] == "nothing"
    assert (toolsets["file"]["needs"], toolsets["file"]["backed_by"]) == ([], "built in")
    assert distributions["browser_only"]["needs"] == ["an MCP server for browser"]
    assert distributions["terminal_only"] == {
        "description": "Commands and files",
        "toolsets": {"terminal": 100, "file": 100},
        "needs": [],
    }
    assert distributions["terminal_web"]["needs"] == ["--network host for web"]
    assert (
        json.loads(command("tools", "--network", "host", "--json").out)["distributions"][
            "terminal_web"
        ]["needs"]
        == []
    )
    lines = command("tools").out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("  browser_only"))
    assert lines[place + 1].split() == ["needs", "an", "MCP", "server", "for", "browser"]


def test_ones_own_tools_toolsets_and_distributions_are_shown(command, own):
    """They back what is only a name, and say what they need in turn."""
    shown = json.loads(command("tools", *own, "--json").out)
    assert shown["toolsets"]["vision"] == {
        "description": "The weather, seen",
        "backed_by": "toolsets file",
        "tools": ["weather"],
        "includes": ["search"],
        "needs": [],
    }
    assert shown["toolsets"]["moa"]["needs"] == ["the MCP server models"]
    assert shown["distributions"]["mine"]["needs"] == []
    assert shown["tools"]["weather"] == {"effect": "read", "description": "Weather in a city"}
    assert shown["tools"]["loose"]["effect"] == "external"
    text = command("tools", *own).out
    assert "Mine: vision 12.5, terminal 50" in text
    assert "The weather, seen: weather, all of search [toolsets file]" in text


@pytest.mark.slow
def test_servers_are_asked_for_their_tools(command, own, tmp_path: Path):
    """Each is a toolset of its name, and backs what a toolset of the file takes from it."""
    pytest.importorskip("mcp")
    served = {"command": sys.executable, "args": [str(SERVER), "stdio"], "tools": ["echo", "fail"]}
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"browser": served, "models": served}}))
    shown = json.loads(command("tools", *own, "--mcp", file, "--json").out)
    browser = shown["toolsets"]["browser"]
    assert (browser["backed_by"], browser["needs"]) == ("MCP server", [])
    assert browser["tools"] == ["browser_echo", "browser_fail"]
    assert shown["toolsets"]["moa"]["tools"] == ["models_echo", "models_fail"]
    assert shown["distributions"]["browser_only"]["needs"] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--toolsets-file", "none.toml"], "--toolsets-file none.toml can't be read: No such file"),
        (["--toolsets-file", "bad.toml"], "bad.toml, line 1: [toolsets.x] is empty"),
        (["--toolsets-file", "bytes.toml"], "--toolsets-file bytes.toml is not UTF-8"),
        (["--tools", "nowhere:x"], "--tools nowhere:x"),
        (["--mcp", "none.json"], "none.json"),
    ],
)
def test_what_can_not_be_used_is_said_in_a_sentence(command, tmp_path: Path, typed, said):
    """With the exit code of what was typed."""
    (tmp_path / "bad.toml").write_text("[toolsets.x]")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    done = command("tools", *typed)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_every_effect_has_words():
    """A tool's effect is never shown bare."""
    assert {tool.effect for tool in resolve(TOOLSETS, TOOLSETS)} <= EFFECTS.keys()
