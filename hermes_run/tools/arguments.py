"""Check what a model wrote as arguments, and read it as it was meant where that is certain.

Models write ``"5"`` for ``5``, ``"true"`` for ``true``, a list inside a string, ``null`` for what
they leave out. Such a value is taken where its meaning is not in doubt and nothing of it is lost,
and the call is flagged ``coerced:NAME``. Everything else is refused with a text that says what is
wrong and what the tool takes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias, cast

import msgspec

from hermes_run.tools.tool import Tool
from hermes_run.words import closest
from recorder.messages import Json

_Schemas: TypeAlias = dict[str, Json]
"""A JSON schema, or schemas by their names."""

WORDS: dict[str, Json] = {"true": True, "false": False, "null": None, "none": None}

_HALVES = ("\\ud", "\\uD")
"""What an escaped half of a surrogate pair begins with."""

_DEEPEST = 3
"""How deep the usage of a tool goes into lists and objects."""


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
    """Write a tool's call on one line: ``name(path: string, points?: list of {x: integer})``."""
    definitions = tool.parameters.get("$defs")
    # A foreign schema may be anything.
    named = cast("_Schemas", definitions) if isinstance(definitions, dict) else {}
    return f"{tool.name}({_fields(tool.parameters, named, 0)})"


def _parse(raw: str) -> tuple[Json, tuple[str, ...]]:
    value: Json = json.loads(raw, parse_constant=_no_number) if raw.strip() else {}
    if not any(half in raw for half in _HALVES) and _is_writable(raw):
        return value, ()
    whole = _whole(value)
    return whole, () if whole == value else ("replaced:surrogates",)


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def _fields(schema: _Schemas, named: _Schemas, depth: int) -> str:
    """Write the properties of an object; those that may be left out have a question mark."""
    properties, required = schema.get("properties"), schema.get("required")
    needed = cast("list[Json]", required) if isinstance(required, list) else []
    schemas = cast("_Schemas", properties) if isinstance(properties, dict) else {}
    return ", ".join(
        f"{name}{'' if name in needed else '?'}: {_type(each, named, depth)}"
        for name, each in schemas.items()
    )


def _type(schema: Json, named: _Schemas, depth: int) -> str:
    """Name the type of a schema: ``integer``, ``integer|null``, ``'a'|'b'``, or ``any``."""
    if not isinstance(schema, dict):
        return "any"
    fields = cast("_Schemas", schema)
    pointed = named.get(str(fields.get("$ref")).removeprefix("#/$defs/"))
    if isinstance(pointed, dict):
        fields = cast("_Schemas", pointed)
    kinds = [_type(each, named, depth) for each in _listed(fields, "anyOf")]
    kinds += [repr(each) for each in _listed(fields, "enum")]
    return "|".join(kinds) if kinds else _whole_type(fields, named, depth)


def _whole_type(schema: _Schemas, named: _Schemas, depth: int) -> str:
    """Name a type with what is in it; one that holds itself is not followed for ever."""
    kind = schema.get("type", "any")
    if kind == "array":
        of = _type(schema["items"], named, depth + 1) if _goes_on(schema, "items", depth) else "any"
        return "list" if of == "any" else f"list of {of}"
    if kind == "object" and _goes_on(schema, "properties", depth):
        return f"{{{_fields(schema, named, depth + 1)}}}"
    return str(kind)


def _goes_on(schema: _Schemas, key: str, depth: int) -> bool:
    return depth < _DEEPEST and isinstance(schema.get(key), dict)


def _listed(schema: _Schemas, key: str) -> list[Json]:
    value = schema.get(key)
    return cast("list[Json]", value) if isinstance(value, list) else []
