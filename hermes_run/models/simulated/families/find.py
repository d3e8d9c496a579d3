"""Find the files that mention something."""

from __future__ import annotations

import re

from hermes_run.models.simulated.phrases import folder, phrase, quoted, target
from hermes_run.models.simulated.results import file_text, matches
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Steps,
    Task,
    read_file,
    search_names,
    search_text,
    turn,
    write_file,
)

ASKED = phrase(
    r"\b(?:which|find|what|locate|look for|search)\b.*\b(?:files?|notes?|documents?|pages?|one)\b"
)


def begin(task: Task) -> Steps | None:
    """Take a task that asks which files in a folder hold a quoted text."""
    terms, where, out = quoted(task.prompt), folder(task.prompt), target(task.prompt)
    if not ASKED.search(task.prompt) or not terms or not out:
        return None
    return find(terms[0], where or ".", out)


def find(term: str, where: str, out: str) -> Steps:
    """Search the folder, read the files that match, write down their paths."""
    found, _ = yield turn(
        f'I search {where} for "{term}" and see at the same time what files there are.',
        search_text(re.escape(term).replace(r"\ ", " "), where),
        search_names("*", where),
    )
    paths = sorted({path for path, line in matches(found, where) if term in line and path != out})
    if not paths:
        raise Puzzled(f'nothing in {where} says "{term}"')
    texts = yield turn(
        f"{len(paths)} of them: {', '.join(paths)}. A line can mislead, so I read before I answer.",
        *(read_file(path) for path in paths[:4]),
    )
    for path, text in zip(paths, texts, strict=False):
        if term not in file_text(text):
            raise Puzzled(f'{path} does not say "{term}"')
    yield turn(
        f"It is really there. I write the path to {out}.",
        write_file(out, "".join(f"{path}\n" for path in paths)),
    )
    return turn("Nothing is left to do.", text=f'"{term}" stands in {", ".join(paths)}; see {out}.')


FIND = Family(
    name="find",
    knows="find the files that mention something",
    begin=begin,
    tools=frozenset({"search_files", "read_file", "write_file"}),
)
