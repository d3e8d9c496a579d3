"""Say which words, or which values of a field, occur most often."""

from __future__ import annotations

import re
from shlex import quote

from hermes_run.models.simulated.phrases import amount, phrase, sources, target
from hermes_run.models.simulated.results import printed, shorten
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Steps,
    Task,
    call,
    terminal,
    turn,
    write_file,
)

ASKED = phrase(
    r"\b(?:most (?:often|frequent|common|used|active|requested)|most frequently|the most)\b"
)
WORDS = phrase(r"\bwords?\b")
FIELD = phrase(r"\b(first|second|third|fourth|fifth|sixth|seventh)\s+(?:field|column|word)")
FIELDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
COUNTING = "LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2,2 | head -n {count}"
COUNTED = re.compile(r"^ *(\d+) +(\S.*)$", re.MULTILINE)


def begin(task: Task) -> Steps | None:
    """Take a task that asks for the most frequent words or values."""
    of, out = sources(task.prompt), target(task.prompt)
    field = FIELD.search(task.prompt)
    if not ASKED.search(task.prompt) or not of or not out:
        return None
    if field is None and not WORDS.search(task.prompt):
        return None
    said = FIELD.sub("", task.prompt)
    return rank(of[0], amount(said) or 1, field[1].lower() if field else "", out)


def rank(path: str, count: int, field: str, out: str) -> Steps:
    """Look at the file, count and rank, write the winners."""
    yield turn(
        f"I look at the beginning of {path} so that I split it the right way.",
        call("read_file", path=path, limit=5),
    )
    file = quote(path)
    options = "-F, " if path.endswith(".csv") else ""
    split = (
        f"awk {options}'{{print ${FIELDS.index(field) + 1}}}' {file}"
        if field
        else f"tr '[:upper:]' '[:lower:]' < {file} | grep -Eo '[[:alpha:]]+'"
    )
    what = f"the {field} field" if field else "words, in lower case"
    (result,) = yield turn(
        f"Now {what}: sort, count, rank, and keep {count}.",
        terminal(f"{split} | {COUNTING.format(count=count)}"),
    )
    ranked = [(found[2].strip(), int(found[1])) for found in COUNTED.finditer(printed(result))]
    if not ranked:
        raise Puzzled(f"I expected counts and got: {shorten(result.text)}")
    yield turn(
        f"{ranked[0][0]} leads with {ranked[0][1]}.",
        write_file(out, "".join(f"{value} {times}\n" for value, times in ranked)),
    )
    return turn(
        "The ranking is written.",
        text=f"Most frequent is {ranked[0][0]} ({ranked[0][1]} times); {out} has the rest.",
    )


TOP = Family(
    name="top",
    knows="rank the most frequent words or values",
    begin=begin,
    tools=frozenset({"read_file", "terminal", "write_file"}),
)
