"""``hermes-run tools``: the toolsets, and what each tool may change."""

from __future__ import annotations

from hermes_run.cli.output import result
from hermes_run.tools.tool import Tool
from hermes_run.tools.toolsets import TOOLSETS, Toolset, resolve

EFFECTS = {
    "pure": "changes nothing",
    "read": "reads only",
    "workspace": "changes its workspace",
    "external": "may change anything",
}


def show_tools() -> int:
    """Print the toolsets and the tools in them; gives the exit code."""
    result("\n".join(describe()))
    return 0


def describe() -> list[str]:
    """Write the toolsets, then every tool with its effect and the first sentence about it."""
    tools = resolve(TOOLSETS, TOOLSETS)
    return [
        "Toolsets, for --toolsets:",
        *(f"  {name:<14} {_contents(toolset)}" for name, toolset in TOOLSETS.items()),
        "",
        "Tools:",
        *(f"  {tool.name:<14} {_about(tool)}" for tool in tools),
    ]


def _contents(toolset: Toolset) -> str:
    own = [tool.name for tool in toolset.tools]
    included = [f"all of {name}" for name in toolset.includes]
    return f"{toolset.description}: {', '.join([*own, *included])}"


def _about(tool: Tool) -> str:
    first = tool.description.partition("\n")[0]
    return f"{first} [{tool.effect}: {EFFECTS[tool.effect]}]"
