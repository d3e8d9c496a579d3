"""Add up, average or find the largest value in a column of a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator
from shlex import quote

from hermes_run.models.simulated.phrases import PATH, phrase, quoted, sources, target
from hermes_run.models.simulated.results import file_text, number, printed, shorten
from hermes_run.models.simulated.steps import (
    Call,
    Family,
    Puzzled,
    Result,
    Steps,
    Task,
    Turn,
    call,
    terminal,
    turn,
    write_file,
)

WORDS = {
    "mean": r"\b(?:average|mean)\b",
    "max": r"\b(?:largest|highest|maximum|biggest)\b",
    "sum": r"\b(?:sums?|adds?|total)\b",
}
COLUMNS = (
    phrase(r"\b(\w+)\b[`'\"]?\s+column\b"),
    phrase(r"\bcolumn\s+(?:called\s+|named\s+)?[`'\"]?(\w+)"),
)
NO_COLUMN = {"the", "a", "its", "this", "that", "one", "which", "of", "in", "and", "for"}
WHERE = phrase(
    r"\b(?:where|whose|with|if)\b[^.]{0,30}?\b(\w+)\s+(?:is|equals|==?)\s+[`'\"]?([\w-]+)"
)
SCRIPT = """\
import csv
from decimal import Decimal
with open({path!r}, newline="") as file:
    rows = [row for row in csv.DictReader(file){where}]
values = [Decimal(row[{column!r}]) for row in rows]
print({result})
"""
SAID = {"sum": "sum", "mean": "average", "max": "largest value"}
RESULTS = {"sum": "sum(values)", "mean": "sum(values) / len(values)", "max": "max(values)"}


def begin(task: Task) -> Steps | None:
    """Take a task that names a CSV file, a column and what to do with it."""
    said = re.sub(PATH, " ", task.prompt)
    operation = next(
        (key for key, words in WORDS.items() if re.search(words, said, re.IGNORECASE)), ""
    )
    tables = [path for path in sources(task.prompt) if path.endswith(".csv")]
    column = column_of(task.prompt)
    out = target(task.prompt)
    if not operation or not tables or not column or not out:
        return None
    found = WHERE.search(task.prompt)
    where = (found[1], found[2]) if found else ()
    return compute(tables[0], column, (operation, *where), out, slip=task.slip)


def column_of(prompt: str) -> str:
    """Give the name of the column a prompt asks for, or nothing."""
    named = [name for pattern in COLUMNS for name in pattern.findall(prompt)]
    return next((name for name in (*named, *quoted(prompt)) if name.lower() not in NO_COLUMN), "")


def compute(path: str, column: str, wanted: tuple[str, ...], out: str, *, slip: str) -> Steps:
    """Read the header, compute with Python, write the figure."""
    lesson = (yield from guess_column(path, column, wanted)) if slip == "column" else ""
    head, size = yield turn(
        f"{lesson}First the header of {path}, to see how the column is spelled, and its length.",
        call("read_file", path=path, limit=3),
        terminal(f"wc -l < {quote(path)}"),
    )
    header = file_text(head).partition("\n")[0]
    columns = next(csv.reader([header]), list[str]())
    spelled = {name.strip().lower(): name for name in columns}
    if column.lower() not in spelled:
        raise Puzzled(f"{path} has no column {column}; it has {', '.join(columns)}")
    operation, *where = wanted
    where = [spelled.get(where[0].lower(), where[0]), where[1]] if where else []
    (result,) = yield turn(
        f"The columns are {', '.join(columns)}, over {number(size)} lines. A few lines of Python "
        "with decimals give an exact figure.",
        script(path, spelled[column.lower()], (operation, *where)),
    )
    figure = printed(result).strip()
    if not re.fullmatch(r"-?\d+(\.\d+)?", figure):
        raise Puzzled(f"I expected a figure and got: {shorten(figure)}")
    yield turn(f"The result is {figure}.", write_file(out, f"{figure}\n"))
    return turn(
        "The file is written.",
        text=f"The {SAID[operation]} of {column} in {path} is {figure}; it stands in {out}.",
    )


def guess_column(
    path: str, column: str, wanted: tuple[str, ...]
) -> Generator[Turn, tuple[Result, ...], str]:
    """Guess how the column is spelled, be told that it is not so, and give the lesson."""
    guess = column.title() if column.islower() else column.lower()
    (result,) = yield turn(
        f"One command can do this for the column {guess} of {path}.",
        script(path, guess, wanted[:1]),
    )
    return f"That was a guess ({shorten(result.text)}). "


def script(path: str, column: str, wanted: tuple[str, ...]) -> Call:
    """Write the command that computes a figure."""
    operation, *where = wanted
    test = f" if row[{where[0]!r}] == {where[1]!r}" if where else ""
    code = SCRIPT.format(path=path, column=column, where=test, result=RESULTS[operation])
    return terminal(f"python3 - <<'EOF'\n{code}EOF")


TABLE = Family(
    name="sum",
    knows="add up, average or find the largest value of a CSV column",
    begin=begin,
    tools=frozenset({"read_file", "terminal", "write_file"}),
    slips=("column", "path", "column", "name"),
)
