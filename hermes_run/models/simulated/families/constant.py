"""Give a constant another name, or another value, in all files of a folder."""

from __future__ import annotations

import re
from collections import Counter
from shlex import quote

from hermes_run.models.simulated.phrases import folder, phrase
from hermes_run.models.simulated.results import matches, shorten
from hermes_run.models.simulated.steps import (
    Call,
    Family,
    Puzzled,
    Steps,
    Task,
    patch,
    patch_all,
    search_text,
    terminal,
    turn,
)

NAME = r"[`'\"]?\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)\b[`'\"]?"
RENAMED = re.compile(
    rf"\b(?i:rename|replace|change|call(?:ed)?)\b.{{0,60}}?{NAME}\s+(?:to|by|with|into|as)\s+{NAME}",
    re.DOTALL,
)
REVALUED = re.compile(
    rf"{NAME}(?:\s+\w+){{0,2}}?\s+from\s+[`'\"]?([\w.-]*\w)[`'\"]?\s+to\s+[`'\"]?([\w.-]*\w)"
)
PYTHON = phrase(r"\bpython\b|\.py\b")
AT_ONCE = 8


def begin(task: Task) -> Steps | None:
    """Take a task that names a constant and what is to become of it."""
    where = folder(task.prompt)
    renamed, revalued = RENAMED.search(task.prompt), REVALUED.search(task.prompt)
    glob = "*.py" if PYTHON.search(task.prompt) else ""
    if not where or (renamed is None and revalued is None):
        return None
    if revalued is not None:
        return revalue((revalued[1], revalued[2], revalued[3]), where, glob)
    assert renamed is not None  # noqa: S101 - one of the two matched
    return rename((renamed[1], renamed[2]), where, glob, slip=task.slip)


def rename(names: tuple[str, str], where: str, glob: str, *, slip: str) -> Steps:
    """Search, replace in every file at once, search again until nothing is left."""
    old, new = names
    look = search_text(rf"\b{old}\b", where, glob)
    (found,) = yield turn(f"Where does {old} stand? Whole words only.", look)
    hits = matches(found, where)
    files = sorted({path for path, _ in hits})
    if not files:
        raise Puzzled(f"{old} stands nowhere in {where}")
    longer = re.compile(rf"\w{old}|{old}\w")
    (around,) = yield turn(
        f"{len(hits)} lines in {len(files)} files. Is it part of a longer name anywhere?",
        search_text(rf"\w{old}|{old}\w", where, glob),
    )
    if any(longer.search(line) for _, line in matches(around, where)):
        thought = "It is, so I replace whole words only, with sed."
        edits = [whole_words(path, old, new) for path in files]
    else:
        thought = "It is not, so a plain replacement is safe. The files don't depend on each other."
        make = patch if slip == "single" else patch_all
        edits = [make(path, old, new) for path in files]
    return (yield from edit(thought, edits, (look, where), names))


def edit(
    thought: str, edits: list[Call], search: tuple[Call, str], names: tuple[str, str]
) -> Steps:
    """Make the edits, and make those again that left something behind."""
    (look, where), (old, new) = search, names
    results = yield turn(thought, *edits[:AT_ONCE])
    complaints = [result.text for result in results if result.failed]
    for rest in [*(edits[at : at + AT_ONCE] for at in range(AT_ONCE, len(edits), AT_ONCE))]:
        yield turn("Now the next files.", *rest)
    for _ in range(2):
        (found,) = yield turn(f"Is any {old} left?", look)
        left = sorted({path for path, _ in matches(found, where)})
        if not left:
            return turn("Nothing is left.", text=f"{old} is now {new} in {len(edits)} files.")
        complaint = f" ({shorten(complaints[0])})" if complaints else ""
        yield turn(
            f"There still is in {', '.join(left)}{complaint}. I need to replace every occurrence.",
            *(patch_all(path, old, new) for path in left),
        )
    raise Puzzled(f"{old} is still there")


def whole_words(path: str, old: str, new: str) -> Call:
    """Write the command that replaces a whole word in a file."""
    return terminal(rf"sed -i 's/\b{old}\b/{new}/g' {quote(path)}")


def whole_line(path: str, line: str, better: str) -> Call:
    """Write the command that replaces a line that is just so."""
    old, new = (re.sub(r"([][\\/.*^$&])", r"\\\1", text) for text in (line, better))
    return terminal(f"sed -i {quote(f's/^{old}$/{new}/')} {quote(path)}")


def revalue(change: tuple[str, str, str], where: str, glob: str) -> Steps:
    """Search for the assignments, patch each line that has the old value, search again."""
    name, old, new = change
    look = search_text(rf"\b{name}\b", where, glob)
    (found,) = yield turn(f"Where does {name} get its value?", look)
    setting = re.compile(rf"(\b{name}\b[\"']?\s*[:=]\s*[\"']?){re.escape(old)}(?![\w.])")
    hits = [(path, line) for path, line in matches(found, where) if setting.search(line)]
    if not hits:
        raise Puzzled(f"{name} is {old} nowhere in {where}")
    edits = [
        make(path, line, setting.sub(rf"\g<1>{new}", line))
        for (path, line), times in sorted(Counter(hits).items())
        for make in [patch if times == 1 else patch_all]
    ]
    results = yield turn(
        f"{len(hits)} lines set it to {old}; other lines only use it and stay.", *edits
    )
    refused = [
        (hit, result.text)
        for hit, result in zip(sorted(set(hits)), results, strict=True)
        if result.failed
    ]
    if refused:
        yield turn(
            f"A patch was refused: {shorten(refused[0][1])}. I name the whole line to sed instead.",
            *(
                whole_line(path, line, setting.sub(rf"\g<1>{new}", line))
                for (path, line), _ in refused
            ),
        )
    (found,) = yield turn("Let me check.", look)
    if any(setting.search(line) for _, line in matches(found, where)):
        raise Puzzled(f"{name} is still {old} somewhere")
    return turn("All of them changed.", text=f"{name} is now {new}, in {len(hits)} places.")


CONSTANT = Family(
    name="constant",
    knows="rename a constant or change its value in several files",
    begin=begin,
    tools=frozenset({"search_files", "patch", "terminal"}),
    slips=("single", "path", "json", "name"),
)
