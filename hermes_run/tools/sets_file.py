"""The file of ``--toolsets-file``: toolsets and distributions of one's own, as TOML. Pure.

::

    [toolsets.browser]
    description = "A browser to look at pages with"
    tools = ["search_files"]           # tools that are built in, of --tools or of a server
    includes = ["terminal"]            # other toolsets
    mcp = ["playwright"]               # servers of --mcp, with all their tools

    [distributions.mine]
    description = "..."
    terminal = 90                      # percent of the prompts
    browser = 20
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.distributions import Distribution
from hermes_run.words import closest
from recorder.messages import Json
from recorder.shapes import object_of

_TABLES = ("toolsets", "distributions")
_DESCRIPTION = "description"


class OwnToolset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A toolset as its file has it: everything is a name of something else."""

    description: str = ""
    tools: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()


class Sets(msgspec.Struct, frozen=True):
    """What a file holds; ``source`` is its name."""

    toolsets: Mapping[str, OwnToolset] = {}
    distributions: Mapping[str, Distribution] = {}
    source: str = ""


class _File(msgspec.Struct, frozen=True):
    """A file while it is read: its name, for what is wrong with it, and its text."""

    source: str
    text: str

    def refuse(self, table: str, name: str, key: str, fault: str) -> UsageError:
        """Make the error that says what is wrong with *key* of a table, and where that stands."""
        line = _line_of(self.text, table, name, key)
        where = f"{self.source}, line {line}" if line else self.source
        return UsageError(f"{where}: [{table}.{name}] {fault}")


def read_sets(text: str, source: str) -> Sets:
    """Read the text of a file.

    Args:
        text: what is in it.
        source: its name, for errors.

    Raises:
        UsageError: it is not TOML, or holds something else than toolsets and distributions; the
            text says in which line.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is not TOML: {error}") from error
    for name, value in document.items():
        if name not in _TABLES or not isinstance(value, dict):
            raise UsageError(
                f"{source}: {name!r} is neither a table [toolsets.NAME] nor "
                f"[distributions.NAME].{closest(name, set(_TABLES) - {name})}"
            )
    file = _File(source, text)
    toolsets, distributions = (object_of(document.get(table)) for table in _TABLES)
    return Sets(
        {name: _toolset(name, value, file) for name, value in toolsets.items()},
        {name: _distribution(name, value, file) for name, value in distributions.items()},
        source,
    )


def _toolset(name: str, value: Json, file: _File) -> OwnToolset:
    known = OwnToolset.__struct_fields__
    for key in object_of(value):
        if key not in known:
            fault = f"has no key {key!r}.{closest(key, known)} Keys: {', '.join(known)}"
            raise file.refuse("toolsets", name, key, fault)
    try:
        made = msgspec.convert(value, OwnToolset)
    except msgspec.ValidationError as error:
        key = next((key for key in known if f"$.{key}" in str(error)), "")
        fault = f"{key} is wrong: {error}" if key else f"is no table: {error}"
        raise file.refuse("toolsets", name, key, fault) from error
    if not (made.tools or made.includes or made.mcp):
        raise file.refuse("toolsets", name, "", "is empty: give it tools, includes or mcp")
    return made


def _distribution(name: str, value: Json, file: _File) -> Distribution:
    given = dict(object_of(value))
    description = given.pop(_DESCRIPTION, "")
    if not isinstance(description, str):
        fault = f"description must be text, not {description!r}"
        raise file.refuse("distributions", name, _DESCRIPTION, fault)
    for toolset, percent in given.items():
        if not _is_percent(percent):
            fault = f"{toolset} must be a percentage from 0 to 100, not {percent!r}"
            raise file.refuse("distributions", name, toolset, fault)
    if not any(given.values()):
        fault = "draws nothing: give one toolset at least more than 0, as terminal = 100"
        raise file.refuse("distributions", name, "", fault)
    return Distribution(description, given)


def _is_percent(value: Json) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 <= value <= 100  # nan is not


def _line_of(text: str, table: str, name: str, key: str) -> int | None:
    """Find the line of a key, else of its table; None where that is written in another way."""
    head = re.compile(rf"\s*\[\s*{table}\s*\.\s*(['\"]?){re.escape(name)}\1\s*\]")
    assigned = re.compile(rf"\s*(['\"]?){re.escape(key)}\1\s*=")
    found: int | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if head.match(line):
            found = number
        elif found and line.lstrip().startswith("["):
            break
        elif found and key and assigned.match(line):
            return number
    return found
