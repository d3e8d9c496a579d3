"""Count or pull out the lines of logs that carry a mark such as ERROR."""

from __future__ import annotations

import re
from shlex import quote

from hermes_run.models.simulated.phrases import phrase, quoted, sources, target
from hermes_run.models.simulated.results import number
from hermes_run.models.simulated.steps import (
    Family,
    Steps,
    Task,
    terminal,
    turn,
    write_file,
)

LOGS = phrase(r"\blogs?\b|\.log\b")
MARKS = re.compile(r"\b[A-Z]{4,}\b|\b[1-5]\d\d\b")
COUNTING = phrase(r"\b(?:how many|how often|count|tally|number of)\b")
PULL = phrase(r"\b(?:pull|copy|extract|collect|put|filter)\b.*\blines?\b")


def begin(task: Task) -> Steps | None:
    """Take a task that names logs and the marks to look for."""
    marks = marks_of(task.prompt)
    logs, out = sources(task.prompt), target(task.prompt)
    if not LOGS.search(task.prompt) or not marks or not logs or not out:
        return None
    if PULL.search(task.prompt) and not COUNTING.search(task.prompt):
        return pull(logs, marks, out)
    return tally(logs, marks, out)


def marks_of(prompt: str) -> tuple[str, ...]:
    """Give the marks a prompt names; what stands in backticks may be the form of the report."""
    plain = re.sub(r"`[^`]*`", " ", prompt)
    found = quoted(plain) or MARKS.findall(plain) or MARKS.findall(prompt)
    return tuple(dict.fromkeys(found))


def tally(logs: tuple[str, ...], marks: tuple[str, ...], out: str) -> Steps:
    """Count each mark in a call of its own and write the report."""
    files = " ".join(map(quote, logs))
    results = yield turn(
        f"One grep for each of {', '.join(marks)}; they don't depend on one another.",
        *(terminal(f"cat {files} | grep -cwF -e {quote(mark)}") for mark in marks),
    )
    counts = [number(result) for result in results]
    pairs = [f"{mark} {count}" for mark, count in zip(marks, counts, strict=True)]
    content = "".join(f"{pair}\n" for pair in pairs) if len(pairs) > 1 else f"{counts[0]}\n"
    yield turn(f"I have the counts: {', '.join(pairs)}.", write_file(out, content))
    return turn("The report is written.", text=f"{out} holds the counts: {', '.join(pairs)}.")


def pull(logs: tuple[str, ...], marks: tuple[str, ...], out: str) -> Steps:
    """Count what there is to copy, copy it, count again."""
    files, patterns = " ".join(map(quote, logs)), " ".join(f"-e {quote(mark)}" for mark in marks)
    before = yield turn(
        "Before I copy lines I want to know how many there are, and how the log looks.",
        terminal(f"cat {files} | grep -cwF {patterns}"),
        terminal(f"head -n 5 {quote(logs[0])}"),
    )
    expected = number(before[0])
    written, after = yield turn(
        f"{expected} lines carry {' or '.join(marks)}. I copy them and count the copy.",
        terminal(f"cat {files} | grep -wF {patterns} > {quote(out)}"),
        terminal(f"cat {files} | grep -wF {patterns} | wc -l"),
    )
    if written.failed or number(after) != expected:
        return turn("The counts differ.", text=f"Something is off: {out} may be incomplete.")
    return turn("Both counts agree.", text=f"Copied {expected} lines to {out}.")


LOG = Family(
    name="log",
    knows="count or copy the lines of a log by level or status",
    begin=begin,
    tools=frozenset({"terminal", "write_file"}),
)
