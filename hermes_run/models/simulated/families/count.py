"""Count the lines, words or characters of files."""

from __future__ import annotations

import re
from shlex import quote

from hermes_run.models.simulated.phrases import folder, phrase, sources, target
from hermes_run.models.simulated.results import names, number, printed
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Steps,
    Task,
    search_names,
    terminal,
    turn,
    write_file,
)

ASKED = phrase(r"\b(?:how many|count|number of)\b.*?\b(lines?|words?|characters?)\b")
GLOB = phrase(r"\*?\.([a-z]\w*)\s+files?\b|\bfiles? ending in \.([a-z]\w*)")
OPTIONS = {"l": "-l", "w": "-w", "c": "-m"}


def begin(task: Task) -> Steps | None:
    """Take a task that asks for a count and names files, or a folder and a kind of file."""
    asked = ASKED.search(task.prompt)
    out = target(task.prompt)
    if asked is None or not out:
        return None
    unit, option = asked[1].lower(), OPTIONS[asked[1][0].lower()]
    total = (
        re.search(r"\b(?:total|altogether|in all|combined)\b", task.prompt, re.IGNORECASE)
        is not None
    )
    of = sources(task.prompt)
    glob = GLOB.search(task.prompt)
    if of:
        return count(of, unit, option, out, total=total)
    if glob and folder(task.prompt):
        where, suffix = folder(task.prompt), glob[1] or glob[2]
        return count_in_folder(where, f"*.{suffix}", option, out, total=total)
    return None


def count_in_folder(where: str, glob: str, option: str, out: str, *, total: bool) -> Steps:
    """List a folder, then count in each of its files."""
    (listed,) = yield turn(
        f"I need the {glob} files in {where} before I can count anything.",
        search_names(glob, where),
    )
    found = [path for path in names(listed, where) if path.endswith(glob.removeprefix("*"))]
    if not found:
        raise Puzzled(f"there are no {glob} files in {where}")
    unit = {"-l": "lines", "-w": "words", "-m": "characters"}[option]
    return (yield from count(tuple(found), unit, option, out, total=total))


def count(of: tuple[str, ...], unit: str, option: str, out: str, *, total: bool) -> Steps:
    """Count in every file at once, write the figures, look at what was written."""
    plural = f"{len(of)} files, each in a call of its own" if len(of) > 1 else "one file"
    results = yield turn(
        f"`wc {option}` counts {unit}. That is {plural}.",
        *(terminal(f"wc {option} < {quote(path)}") for path in of),
    )
    counts = [number(result) for result in results]
    content = report(of, counts, total=total)
    yield turn(
        f"The counts are {', '.join(map(str, counts))}. I write them to {out}.",
        write_file(out, content),
    )
    (seen,) = yield turn("Let me make sure the file says so.", terminal(f"cat {quote(out)}"))
    if printed(seen).strip() != content.strip():
        raise Puzzled(f"{out} does not hold what I wrote")
    return turn(
        "That is right.", text=f"Done: {out} now says {content.strip().replace(chr(10), ', ')}."
    )


def report(of: tuple[str, ...], counts: list[int], *, total: bool) -> str:
    """Write one figure alone, or one a file by name; where a sum was asked for, only that."""
    if total or len(counts) == 1:
        return f"{sum(counts)}\n"
    return "".join(f"{path} {count}\n" for path, count in zip(of, counts, strict=True))


COUNT = Family(
    name="count",
    knows="count lines, words or characters",
    begin=begin,
    tools=frozenset({"terminal", "write_file", "search_files"}),
)
