"""A toolbox: the tools that one session may call, by name."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.tool import Tool
from recorder.messages import Effect, Json


class Toolbox(msgspec.Struct, frozen=True):
    """Tools by name, and their ``schemas`` as the OpenAI chat format has them."""

    tools: dict[str, Tool] = {}
    schemas: tuple[dict[str, Json], ...] = ()

    def effect_of(self, name: str) -> Effect:
        """Say what a call of *name* may change; a name that is no tool changes nothing."""
        return self.tools[name].effect if name in self.tools else "pure"


def make_toolbox(tools: Iterable[Tool]) -> Toolbox:
    """Put *tools* into one box, in their order; the same tool twice is one.

    Raises:
        UsageError: two different tools have one name.
    """
    by_name: dict[str, Tool] = {}
    for tool in tools:
        if by_name.setdefault(tool.name, tool) is not tool:
            raise UsageError(
                f"two tools are called {tool.name!r}; give one of them another name, "
                f'as in @tool(name="my_{tool.name}")'
            )
    return Toolbox(tools=by_name, schemas=tuple(_schema(tool) for tool in by_name.values()))


def _schema(tool: Tool) -> dict[str, Json]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}
