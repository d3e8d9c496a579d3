"""``--dry-run``: what would be run, in words. Pure."""

from __future__ import annotations

from hermes_run.cli.announcing import spread
from hermes_run.cli.order import Order
from hermes_run.config import SIMULATED
from hermes_run.intake import Intake
from hermes_run.targets import read_targets
from hermes_run.tools.shelf import Shelf, resolve
from hermes_run.words import clean


def describe(order: Order, intake: Intake, shelf: Shelf) -> list[str]:
    """Say what would be run.

    Args:
        order: what was asked for.
        intake: all rows, read and counted.
        shelf: the tools that there are.
    """
    settings, counts = order.settings, intake.counts
    usable = counts.rows - counts.rejected
    targets = read_targets(settings.base_url, settings.endpoints)
    endpoint = ", ".join(target.base_url or "https://api.openai.com/v1" for target in targets)
    return [
        f"rows:      {usable:,} usable, {counts.rejected:,} rejected",
        *(f"  {clean(example)}" for example in intake.examples),
        f"sessions:  {counts.sessions:,}, {settings.samples:,} a row",
        f"at once:   {settings.concurrency:,}{spread(settings)}",
        f"model:     {settings.model}",
        f"endpoint:  {'embedded' if settings.model == SIMULATED else endpoint}",
        *_toolsets(shelf),
        f"would be written to {order.directory}; nothing was asked and nothing was written",
    ]


def _toolsets(shelf: Shelf) -> list[str]:
    said: list[str] = []
    if shelf.distribution is not None:
        said.append(f"drawn:     from {shelf.distribution}, for each prompt")
    elif not shelf.names:
        said.append("toolsets:  none")
    said += [_toolset(name, shelf) for name in shelf.possible]
    if shelf.own:
        said.append(f"tools:     {', '.join(tool.name for tool in shelf.own)}")
    return said


def _toolset(name: str, shelf: Shelf) -> str:
    tools = ", ".join(tool.name for tool in resolve([name], shelf.toolsets))
    return f"toolset:   {name}{_chance(name, shelf)}: {tools}"


def _chance(name: str, shelf: Shelf) -> str:
    if shelf.distribution is None:
        return ""
    return f" ({shelf.distributions[shelf.distribution].toolsets[name]:g} %)"
