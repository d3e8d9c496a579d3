"""Merge JSON files: objects key by key, lists one after the other."""

from __future__ import annotations

import json
from functools import reduce
from shlex import quote
from typing import Any, cast

from hermes_run.models.simulated.phrases import phrase, sources, target
from hermes_run.models.simulated.results import file_text
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Result,
    Steps,
    Task,
    read_file,
    terminal,
    turn,
    write_file,
)
from recorder.messages import Json

ASKED = phrase(r"\b(?:merged?|combined?|join(?:ed)?|concatenate|overlay|bring together)\b")


def begin(task: Task) -> Steps | None:
    """Take a task that asks to merge two or more JSON files."""
    of = tuple(path for path in sources(task.prompt) if path.endswith(".json"))
    out = target(task.prompt)
    if not ASKED.search(task.prompt) or len(of) < 2 or not out.endswith(".json"):
        return None
    return merge(of, out)


def merge(of: tuple[str, ...], out: str) -> Steps:
    """Read all files at once, merge them, write the result, let a parser check it."""
    results = yield turn(
        f"The {len(of)} files are independent, so I read them all at once.",
        *(read_file(path) for path in of),
    )
    values = [parsed(result, path) for result, path in zip(results, of, strict=True)]
    merged = reduce(overlay, values)
    text = json.dumps(merged, indent=2, ensure_ascii=False)
    yield turn(
        f"{', '.join(map(describe, values))}. Later files win; together that is "
        f"{describe(merged)}.",
        write_file(out, f"{text}\n"),
    )
    (checked,) = yield turn("Is it valid?", terminal(f"python3 -m json.tool {quote(out)} | wc -l"))
    if checked.failed:
        raise Puzzled(f"{out} is not valid JSON")
    return turn("It is.", text=f"Merged {', '.join(of)} into {out}: {describe(merged)}.")


def parsed(result: Result, path: str) -> Json:
    """Read a file's JSON."""
    try:
        return json.loads(file_text(result))
    except ValueError as error:
        raise Puzzled(f"{path} is not valid JSON ({error})") from error


def overlay(below: Json, above: Json) -> Json:
    """Lay one value over another: objects key by key, lists in a row, else the later one."""
    if isinstance(below, dict) and isinstance(above, dict):
        lower, upper = cast("dict[str, Any]", below), cast("dict[str, Any]", above)
        both = {key: overlay(lower[key], upper[key]) for key in lower if key in upper}
        return {**lower, **upper, **both}
    if isinstance(below, list) and isinstance(above, list):
        return [*cast("list[Any]", below), *cast("list[Any]", above)]
    return above


def describe(value: Json) -> str:
    """Say what a value is, and how large."""
    if isinstance(value, dict):
        return f"{len(cast('dict[str, Any]', value))} keys"
    return f"{len(cast('list[Any]', value))} items" if isinstance(value, list) else "one value"


MERGE = Family(
    name="merge",
    knows="merge JSON files",
    begin=begin,
    tools=frozenset({"read_file", "terminal", "write_file"}),
)
