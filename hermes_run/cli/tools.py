"""``hermes-run tools``: toolsets, distributions and tools, what backs them and what they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import msgspec

from hermes_run.cli.faults import explain, tell
from hermes_run.cli.output import result
from hermes_run.config import Settings
from hermes_run.tools.lack import needs
from hermes_run.tools.opening import gather
from hermes_run.tools.own import load_tools
from hermes_run.tools.shelf import Shelf, Toolset, lacking, resolve
from hermes_run.tools.tool import Tool
from hermes_run.words import clean
from recorder.json_text import encode
from recorder.messages import Effect

EFFECTS: dict[Effect, str] = {
    "pure": "changes nothing",
    "read": "reads only",
    "workspace": "changes its workspace",
    "external": "may change anything",
}

_SENTENCE = 160


class ShownToolset(msgspec.Struct, frozen=True):
    """A toolset as it is shown; ``needs`` says what is missing before it can be used."""

    description: str
    backed_by: str
    tools: tuple[str, ...]
    includes: tuple[str, ...]
    needs: tuple[str, ...]


class ShownDistribution(msgspec.Struct, frozen=True):
    """A distribution as it is shown, with the percentage of each toolset."""

    description: str
    toolsets: dict[str, float]
    needs: tuple[str, ...]


class ShownTool(msgspec.Struct, frozen=True):
    """A tool as it is shown, with the first sentence of its description."""

    effect: Effect
    description: str


class Shown(msgspec.Struct, frozen=True):
    """All that there is, by name."""

    toolsets: dict[str, ShownToolset]
    distributions: dict[str, ShownDistribution]
    tools: dict[str, ShownTool]


def show_tools(settings: Settings, *, as_json: bool = False) -> int:
    """Print what a run with *settings* could use; gives the exit code."""
    try:
        shown = anyio.run(_look, settings, load_tools(settings.tools))
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence
        return tell(explain(error, Path()), Path())
    result(encode(msgspec.to_builtins(shown)).decode() if as_json else "\n".join(describe(shown)))
    return 0


async def _look(settings: Settings, tools: tuple[Tool, ...]) -> Shown:
    """Put everything on the shelf, servers included, and look at it."""
    async with gather(replace(settings, toolsets=(), distribution=None), tools) as stock:
        return look(stock.shelf)


def look(shelf: Shelf) -> Shown:
    """Give what is on a shelf, as it is shown."""
    tools = {tool.name: tool for tool in (*resolve(shelf.toolsets, shelf.toolsets), *shelf.own)}
    return Shown(
        {name: _toolset(name, each, shelf) for name, each in shelf.toolsets.items()},
        {
            name: ShownDistribution(
                each.description, dict(each.toolsets), tuple(needs(lacking(shelf, each.drawable)))
            )
            for name, each in shelf.distributions.items()
        },
        {name: ShownTool(tool.effect, _first_sentence(tool)) for name, tool in tools.items()},
    )


def _toolset(name: str, toolset: Toolset, shelf: Shelf) -> ShownToolset:
    return ShownToolset(
        toolset.description,
        toolset.origin if toolset.is_backed else "nothing",
        tuple(tool.name for tool in toolset.tools),
        toolset.includes,
        tuple(needs(lacking(shelf, [name]))),
    )


def _first_sentence(tool: Tool) -> str:
    line = tool.description.strip().partition("\n")[0]
    return clean(line.partition(". ")[0].rstrip("."), _SENTENCE)


def describe(shown: Shown) -> Iterator[str]:
    """Write *shown* in lines."""
    yield "Toolsets, for --toolsets:"
    for name, toolset in shown.toolsets.items():
        inside = [*toolset.tools, *(f"all of {each}" for each in toolset.includes)]
        about = clean(toolset.description)
        yield f"  {_cell(name)} {about}: {', '.join(inside) or '-'}{_origin(toolset)}"
        yield from _needs(toolset.needs)
    yield from ("", "Distributions, for --distribution, each toolset with its chance in percent:")
    for name, distribution in shown.distributions.items():
        chances = (f"{each} {percent:g}" for each, percent in distribution.toolsets.items())
        yield f"  {_cell(name)} {clean(distribution.description)}: {', '.join(chances)}"
        yield from _needs(distribution.needs)
    yield from ("", "Tools:")
    for name, tool in shown.tools.items():
        yield f"  {_cell(name)} {tool.description} [{tool.effect}: {EFFECTS[tool.effect]}]"


def _cell(name: str) -> str:
    return f"{clean(name):<14}"


def _origin(toolset: ShownToolset) -> str:
    return "" if toolset.backed_by in ("built in", "nothing") else f" [{toolset.backed_by}]"


def _needs(lacking: tuple[str, ...]) -> Iterator[str]:
    if lacking:
        yield f"  {'':<14} needs {'; '.join(lacking)}"
