"""``hermes-run tools``: what ``--toolsets`` may name."""

from __future__ import annotations

from hermes_run.cli.tools import EFFECTS
from hermes_run.tools.toolsets import TOOLSETS, resolve


def test_every_toolset_and_every_tool_is_listed(command):
    """Includes, tools, and what each may change."""
    done = command("tools")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines() if line.startswith("  ")]
    names = [words[0] for words in lines]
    assert names == [*TOOLSETS, *(tool.name for tool in resolve(TOOLSETS, TOOLSETS))]
    assert "all of terminal, all of file" in done.out
    assert "Replace a piece of text in a file. [workspace: changes its workspace]" in done.out


def test_every_effect_has_words():
    """A tool's effect is never shown bare."""
    assert {tool.effect for tool in resolve(TOOLSETS, TOOLSETS)} <= EFFECTS.keys()
