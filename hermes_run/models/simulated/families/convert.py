"""Convert between CSV, TSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from shlex import quote
from typing import Any, cast

from hermes_run.models.simulated.phrases import phrase, sources, target
from hermes_run.models.simulated.results import file_text, number
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Steps,
    Task,
    read_file,
    terminal,
    turn,
    write_file,
)

ASKED = phrase(r"\b(?:convert|turn|transform|translate|export|rewrite)\b")
NUMBERS = phrase(r"\bnumbers?\b|\bnumeric\b")
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?")
SUFFIX = re.compile(r"\.(csv|tsv|jsonl|json)$")
SEPARATORS = {"csv": ",", "tsv": "\t"}

Rows = list[dict[str, Any]]


def begin(task: Task) -> Steps | None:
    """Take a task that names a file to convert and one to make."""
    of, out = sources(task.prompt), target(task.prompt)
    if (
        not ASKED.search(task.prompt)
        or not of
        or not SUFFIX.search(of[0])
        or not SUFFIX.search(out)
    ):
        return None
    return convert(of[0], out, numbers=NUMBERS.search(task.prompt) is not None)


def convert(source: str, out: str, *, numbers: bool) -> Steps:
    """Read the file, write it in the other format, count what was written."""
    content, size = yield turn(
        f"I read {source} and count its lines, to notice if I don't get all of it.",
        read_file(source),
        terminal(f"grep -c '' {quote(source)}"),
    )
    text = file_text(content)
    if text.count("\n") != number(size):
        raise Puzzled(f"{source} is too long for me: {number(size)} lines")
    try:
        rows = read_rows(text, kind_of(source), numbers=numbers)
        written = write_rows(rows, kind_of(out))
    except (ValueError, csv.Error) as error:
        raise Puzzled(f"{source} is not what its name says ({error})") from error
    kept = "numbers as numbers" if numbers else "values as they stand"
    yield turn(f"{len(rows)} rows, {kept}.", write_file(out, written))
    (after,) = yield turn("Is all of it there?", terminal(f"grep -c '' {quote(out)}"))
    if number(after) != written.count("\n"):
        raise Puzzled(f"{out} has {number(after)} lines")
    return turn("It is.", text=f"Converted {len(rows)} rows of {source} to {out}.")


def kind_of(path: str) -> str:
    """Give the format a file's name stands for."""
    return path.rpartition(".")[2]


def read_rows(text: str, kind: str, *, numbers: bool) -> Rows:
    """Read rows.

    Raises:
        ValueError: the text is not what its file's name says.
        csv.Error: a field is too long.
    """
    if kind in SEPARATORS:
        found = csv.DictReader(io.StringIO(text), delimiter=SEPARATORS[kind])
        return [
            {key: value_of(value) if numbers else value for key, value in row.items()}
            for row in found
        ]
    values = (
        [json.loads(line) for line in text.split("\n") if line.strip()]
        if kind == "jsonl"
        else json.loads(text)
    )
    rows = cast("list[Any]", values) if isinstance(values, list) else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no list of objects")
    return cast("Rows", rows)


def value_of(text: Any) -> Any:  # noqa: ANN401 - whatever a ragged row holds
    """Read a number where a field is one."""
    if not isinstance(text, str):
        return text
    found = NUMBER.fullmatch(text)
    if found is None:
        return text
    return float(text) if found[1] else int(text)


def write_rows(rows: Rows, kind: str) -> str:
    """Write rows."""
    if kind == "json":
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=SEPARATORS[kind], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


CONVERT = Family(
    name="convert",
    knows="convert between CSV and JSON",
    begin=begin,
    tools=frozenset({"read_file", "terminal", "write_file"}),
)
