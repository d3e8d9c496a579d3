"""Look into JSON values of unknown shape without a word about what they are not."""

from __future__ import annotations

from typing import cast

from recorder.messages import Json


def object_of(value: Json) -> dict[str, Json]:
    """Give *value* if it is a JSON object, else an empty one."""
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def array_of(value: Json) -> list[Json]:
    """Give *value* if it is a JSON array, else an empty one."""
    return cast("list[Json]", value) if isinstance(value, list) else []


def is_deeper(value: Json, levels: int) -> bool:
    """Say whether more than *levels* objects and arrays stand in one another; level by level."""
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return False
    return True


def _containers(value: Json) -> list[Json]:
    inside = object_of(value).values() or array_of(value)
    return [inner for inner in inside if isinstance(inner, dict | list)]


def text_in(value: Json) -> str:
    """Give *value* if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
