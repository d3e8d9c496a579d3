"""The types of columns as ``datasets`` has them, found while rows go by. Pure.

Rows of one run differ in their tools, their metadata and in what is null, so what a reader guesses
from the first of them does not hold for the rest. What is an object is ``json`` here, unless all
of it is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

import msgspec

from recorder.messages import Json

Type: TypeAlias = "str | Listed | Fields"


class Listed(msgspec.Struct, frozen=True):
    """A list of one type."""

    of: Type


class Fields(msgspec.Struct, frozen=True):
    """An object with these keys."""

    fields: tuple[tuple[str, Type], ...]


def _fields(**fields: Type) -> Fields:
    return Fields(tuple(fields.items()))


STRING, INTEGER, NUMBER, TRUTH, JSON = "string", "int64", "float64", "bool", "json"

_SPOKEN = Listed(Fields((("from", STRING), ("value", STRING))))
_COUNTS = {"input": INTEGER, "output": INTEGER, "cached": INTEGER, "reasoning": INTEGER}
_SECONDS = {"seconds": NUMBER, "attempts": INTEGER, "model_s": NUMBER, "tool_s": NUMBER}

KNOWN: Mapping[str, Type] = {
    "id": STRING,
    "prompt_index": INTEGER,
    "sample": INTEGER,
    "conversations": _SPOKEN,
    "messages": Listed(JSON),
    "completed": TRUTH,
    "partial": TRUTH,
    "outcome": STRING,
    "exit_reason": STRING,
    "error": STRING,
    "model": STRING,
    "provider": STRING,
    "api_calls": INTEGER,
    "toolsets_used": Listed(STRING),
    "sandbox": STRING,
    "tool_stats": JSON,
    "tool_error_counts": JSON,
    "usage": _fields(**_COUNTS, estimated=TRUTH),
    "cost_usd": NUMBER,
    "rewards": JSON,
    "timing": _fields(started=STRING, finished=STRING, **_SECONDS),
    "flags": Listed(STRING),
    "origins": Listed(STRING),
    "loss": Listed(TRUTH),
    "tokens": Listed(
        _fields(reply=INTEGER, token_ids=Listed(INTEGER), logprobs=Listed(NUMBER)),
    ),
    "metadata": JSON,
    "provenance": JSON,
    "run": STRING,
    "steps": Listed(JSON),
    "agent": JSON,
    "extra": JSON,
}
"""Columns whose type does not depend on what is in them."""


class Features:
    """The columns of the rows that went by, in the order in which they came."""

    def __init__(self) -> None:
        self._types: dict[str, Type | None] = {}

    def add(self, row: Mapping[str, Json]) -> None:
        """Look at a row."""
        for name, value in row.items():
            if name not in self._types or name not in KNOWN:
                seen = self._types.get(name)
                self._types[name] = KNOWN.get(name) or _joined(seen, _type_of(value))

    def columns(self) -> dict[str, Type]:
        """Give the type of each column; one that was always null may hold text."""
        return {name: seen or STRING for name, seen in self._types.items()}


def yaml(types: Mapping[str, Type], indent: str = "  ") -> Iterator[str]:
    """Write *types* as lines of ``dataset_info.features``; names are what JSON keys are."""
    for name, kind in types.items():
        yield f"{indent}- name: {quoted(name)}"
        yield from _typed(kind, indent + "  ")


def quoted(text: str) -> str:
    """Write *text* as a YAML string of one line, whatever is in it."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typed(kind: Type, indent: str) -> Iterator[str]:
    if isinstance(kind, str):
        yield f"{indent}dtype: {kind}"
    elif isinstance(kind, Fields):
        yield f"{indent}struct:"
        yield from yaml(dict(kind.fields), indent)
    elif isinstance(kind.of, str):
        yield f"{indent}list: {kind.of}"
    else:
        yield f"{indent}list:"
        inner = kind.of
        yield from (
            yaml(dict(inner.fields), indent)
            if isinstance(inner, Fields)
            else _typed(inner, indent + "  ")
        )


def _joined(one: Type | None, other: Type | None) -> Type | None:
    if one is None or other is None or one == other:
        return one or other
    if {one, other} == {INTEGER, NUMBER}:
        return NUMBER
    if isinstance(one, Listed) and isinstance(other, Listed):
        return Listed(JSON)
    return JSON


def _type_of(value: Json) -> Type | None:
    if value is None:
        return None
    if isinstance(value, list):
        return _type_of_list(cast("list[Json]", value))
    for kind, name in ((str, STRING), (bool, TRUTH), (int, INTEGER), (float, NUMBER)):
        if isinstance(value, kind):
            return name
    return JSON


def _type_of_list(values: list[Json]) -> Type:
    if values and all(isinstance(value, str) for value in values):
        return Listed(STRING)
    return Listed(JSON)
