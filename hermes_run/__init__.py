"""Run many agent sessions at once against any OpenAI-compatible endpoint, and record everything.

::

    from hermes_run import run_many, tool

    @tool(effect="read")
    async def weather(city: str) -> str:
        "Weather in a city."

    async for session in run_many(prompts, model="qwen3", tools=[weather], record="runs/w"):
        ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermes_run.config import Settings as Settings
    from hermes_run.many import run_many as run_many
    from hermes_run.models.scripted import Scripted as Scripted
    from hermes_run.tools.schema import tool as tool
    from hermes_run.tools.tool import Context as Context
    from hermes_run.tools.tool import Output as Output

_PUBLIC = {
    "Context": "hermes_run.tools.tool",
    "Output": "hermes_run.tools.tool",
    "Scripted": "hermes_run.models.scripted",
    "Settings": "hermes_run.config",
    "run_many": "hermes_run.many",
    "tool": "hermes_run.tools.schema",
}

__all__ = ["Context", "Output", "Scripted", "Settings", "run_many", "tool"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever was asked for
    """Load what is asked for when it is asked for: the command's help needs none of it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hermes_run' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
