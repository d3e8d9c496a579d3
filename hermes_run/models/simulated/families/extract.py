"""Collect e-mail addresses, web addresses, IP addresses, dates or numbered ids from files."""

from __future__ import annotations

import re
from shlex import quote

from hermes_run.models.simulated.phrases import phrase, sources, target
from hermes_run.models.simulated.results import number
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Steps,
    Task,
    terminal,
    turn,
    write_file,
)

KINDS = {
    r"\be-?mail": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    r"\b(?:urls?|links?|web addresses)\b": r"https?://[A-Za-z0-9./?=&_%#~-]*[A-Za-z0-9/]",
    r"\bip(?:v4)?\b": r"[0-9]{1,3}(\.[0-9]{1,3}){3}",
    r"\bdates\b": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
EXAMPLE = re.compile(r"\b(?:like|such as|of the form|e\.g\.)\s+[`'\"]?([A-Z]{1,8})([-#_])\d+\b")
ASKED = phrase(r"\b(?:extract|collect|gather|pull|list|find|save|get|every|all)\b")


def begin(task: Task) -> Steps | None:
    """Take a task that asks for everything of one kind in some files."""
    pattern = wanted(task.prompt)
    of, out = sources(task.prompt), target(task.prompt)
    if not pattern or not of or not out or not ASKED.search(task.prompt):
        return None
    return extract(of, pattern, out)


def wanted(prompt: str) -> str:
    """Give the regular expression of what is asked for, or nothing."""
    example = EXAMPLE.search(prompt)
    if example is not None:
        return f"{example[1]}{example[2]}[0-9]+"
    return next(
        (form for kind, form in KINDS.items() if re.search(kind, prompt, re.IGNORECASE)), ""
    )


def extract(of: tuple[str, ...], pattern: str, out: str) -> Steps:
    """Grep each file, bring the matches together, write them once each and sorted."""
    results = yield turn(
        f"`grep -Eo` prints only what matches; I look through {len(of)} file(s).",
        *(terminal(f"grep -Eo {quote(pattern)} {quote(path)}") for path in of),
    )
    lines = [line for result in results for line in result.text.split("\n")]
    found = [line for line in lines if re.fullmatch(pattern, line)]
    unique = sorted(set(found))
    if not unique:
        raise Puzzled(f"nothing in {', '.join(of)} looks like that")
    yield turn(
        f"{len(found)} matches, {len(unique)} different ones. Sorted, one a line, to {out}.",
        write_file(out, "".join(f"{line}\n" for line in unique)),
    )
    (size,) = yield turn("Are they all there?", terminal(f"sort -u {quote(out)} | wc -l"))
    if number(size) != len(unique):
        raise Puzzled(f"{out} holds {number(size)} lines and not {len(unique)}")
    return turn("They are.", text=f"{out} lists {len(unique)} entries, from {unique[0]} on.")


EXTRACT = Family(
    name="extract",
    knows="collect e-mail addresses, links, IP addresses, dates or ids from files",
    begin=begin,
    tools=frozenset({"terminal", "write_file"}),
)
