"""Check what a model wrote as arguments, and read it as it was meant where that is certain.

Models write ``"5"`` for ``5``, ``"true"`` for ``true``, a list inside a string, ``null`` for what
they leave out. Such a value is taken where its meaning is not in doubt and nothing of it is lost,
and the call is flagged ``coerced:NAME``. Everything else is refused with a text that says what is
wrong and what the tool takes.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import cast

import msgspec

from hermes_run.tools.tool import Tool
from hermes_run.words import closest
from recorder.messages import Json

WORDS: dict[str, Json] = {"true": True, "false": False, "null": None, "none": None}

_HALVES = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


class Checked(msgspec.Struct, frozen=True):
    """Arguments that fit the tool, with flags for what was not written as it should be."""

    values: dict[str, Json]
    flags: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True):
    """Why a call can't run: a text for the model, and a flag to count it by."""

    text: str
    flag: str


def check(raw: str, tool: Tool) -> Checked | Refused:
    """Read the raw arguments of a call of *tool*; of equal keys the last one counts."""
    try:
        values, flags = _parse(raw)
    except (ValueError, RecursionError) as error:
        return Refused(
            f"The arguments are not valid JSON ({_short(error)}). Send one JSON object for "
            f"{usage(tool)}; if they were too long to be finished, send less at once.",
            "invalid_json",
        )
    if not isinstance(values, dict):
        return Refused(
            f"The arguments must be one JSON object, not a {_kind(values)}. Usage: {usage(tool)}",
            "invalid_json",
        )
    named = cast("dict[str, Json]", values)
    if tool.arguments is None:
        return Checked(named, flags)
    try:
        return Checked(msgspec.structs.asdict(msgspec.convert(named, tool.arguments)), flags)
    except msgspec.ValidationError:
        return _mend(named, tool, tool.arguments, flags)


def usage(tool: Tool) -> str:
    """Write a tool's call on one line: ``name(path: string, limit?: integer)``."""
    # A foreign schema may be anything.
    properties, required = tool.parameters.get("properties"), tool.parameters.get("required")
    needed = cast("list[Json]", required) if isinstance(required, list) else []
    schemas = cast("dict[str, Json]", properties) if isinstance(properties, dict) else {}
    named = [
        f"{name}{'' if name in needed else '?'}: {_type(schema)}"
        for name, schema in schemas.items()
    ]
    return f"{tool.name}({', '.join(named)})"


def _parse(raw: str) -> tuple[Json, tuple[str, ...]]:
    value: Json = json.loads(raw, parse_constant=_no_number) if raw.strip() else {}
    if not _HALVES.search(raw):
        return value, ()
    whole = _whole(value)
    return whole, () if whole == value else ("replaced:surrogates",)


def _no_number(word: str) -> Json:
    raise ValueError(f"{word} is no JSON number")


def _whole(value: Json) -> Json:
    """Put U+FFFD where half of a surrogate pair stands: no file and no process can take it."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _mend(
    values: dict[str, Json], tool: Tool, kind: type[msgspec.Struct], flags: tuple[str, ...]
) -> Checked | Refused:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults = [
        f"There is no argument {name[:80]!r}.{closest(name, fields)}"
        for name in values
        if name not in fields
    ]
    mended: dict[str, Json] = {}
    coerced: list[str] = []
    for name, field in fields.items():
        reading = _read(values, field)
        if isinstance(reading, str):
            faults.append(reading)
            continue
        coerced += [f"coerced:{name}"] * reading.coerced
        mended.update({name: reading.value} if reading.given else {})
    if faults:
        return Refused(" ".join([*faults[:5], f"Usage: {usage(tool)}"]), "invalid_arguments")
    return Checked(msgspec.structs.asdict(kind(**mended)), (*flags, *coerced))


class _Reading(msgspec.Struct, frozen=True):
    """An argument as it was understood; one that is not *given* takes its default."""

    value: Json = None
    coerced: bool = False
    given: bool = True


def _read(values: dict[str, Json], field: msgspec.structs.FieldInfo) -> _Reading | str:
    """Read one argument; a text says what is wrong with it."""
    if field.name not in values:
        missing = f"The argument {field.name!r} is missing."
        return missing if field.required else _Reading(given=False)
    value = values[field.name]
    try:
        return _Reading(msgspec.convert(value, field.type))
    except msgspec.ValidationError as error:
        fault = f"The argument {field.name!r} is wrong: {_short(error)}."
    if value is None and not field.required:
        return _Reading(coerced=True, given=False)
    for other in _otherwise(value):
        with contextlib.suppress(msgspec.ValidationError):
            return _Reading(msgspec.convert(other, field.type), coerced=True)
    return fault


def _otherwise(value: Json) -> Iterator[Json]:
    """Give the other ways to write the same value, if there are any."""
    if isinstance(value, str):
        yield from _unquoted(value.strip())
    elif isinstance(value, float) and value.is_integer():
        yield int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _unquoted(text: str) -> Iterator[Json]:
    """Give what stands in a string that should not be one; ``"0.1"`` yes, ``"1e999"`` no."""
    if text.lower() in WORDS:
        yield WORDS[text.lower()]
        return
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text, parse_constant=_no_number)
        if isinstance(value, (list, dict)) or (
            isinstance(value, (int, float)) and Decimal(repr(value)) == Decimal(text)
        ):
            yield value


def _short(error: Exception) -> str:
    return str(error)[:300].removesuffix(".")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    kinds = ((str, "string"), (bool, "boolean"), (list, "list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "number")


def _type(schema: Json) -> str:
    """Name the type of a schema: ``integer``, ``integer|null``, ``'a'|'b'``, or ``any``."""
    if not isinstance(schema, dict):
        return "any"
    named = cast("dict[str, Json]", schema)
    kinds = [_type(each) for each in named.get("anyOf") or ()]
    kinds += [repr(each) for each in named.get("enum") or ()]
    return "|".join(kinds) if kinds else str(named.get("type", "any"))
