"""Sort the lines of a file, drop duplicates, or both."""

from __future__ import annotations

from shlex import quote

from hermes_run.models.simulated.phrases import paths, phrase, target
from hermes_run.models.simulated.results import number, printed
from hermes_run.models.simulated.steps import Family, Steps, Task, terminal, turn

SORT = phrase(r"\b(?:sort|alphabetical|order)")
UNIQUE = phrase(r"\b(?:duplicates?|dedupe|deduplicate|repeat(?:ed|s)|unique|only once)\b")
KEEP = phrase(r"\b(?:keep|same|original|without changing)\b.{0,30}\border\b")
NUMERIC = phrase(r"\bnumer|\bby (?:value|size)\b|\bas numbers\b")
REVERSE = phrase(r"\b(?:descending|reverse|largest first|z to a|highest first)\b")


def begin(task: Task) -> Steps | None:
    """Take a task that asks to sort or dedupe the lines of one file."""
    named, out = paths(task.prompt), target(task.prompt)
    unique = UNIQUE.search(task.prompt) is not None
    if not named or not (unique or SORT.search(task.prompt)):
        return None
    source = next((path for path in named if path != out), named[0])
    return tidy(source, out or source, command(task.prompt, unique=unique))


def command(prompt: str, *, unique: bool) -> str:
    """Choose the filter."""
    if KEEP.search(prompt) or not SORT.search(prompt):
        return "awk '!seen[$0]++'"
    options = "".join(
        letter
        for letter, wanted in (("n", NUMERIC), ("r", REVERSE))
        if wanted.search(prompt) is not None
    )
    flags = options + ("u" if unique else "")
    return f"LC_ALL=C sort -{flags}" if flags else "LC_ALL=C sort"


def tidy(source: str, out: str, filtering: str) -> Steps:
    """Look at the file, filter it by way of a temporary one, look at the result."""
    size, _ = yield turn(
        f"How long is {source}, and what do its lines look like?",
        terminal(f"wc -l < {quote(source)}"),
        terminal(f"head -n 5 {quote(source)}"),
    )
    before = number(size)
    rewrite = f"{filtering} {quote(source)} > .tidy.tmp && mv .tidy.tmp {quote(out)}"
    (done,) = yield turn(
        f"{before} lines. `{filtering}` does it; a temporary file keeps the source from being cut "
        "while it is read.",
        terminal(rewrite),
    )
    printed(done)
    size, head = yield turn(
        "Now the result.", terminal(f"wc -l < {quote(out)}"), terminal(f"head -n 3 {quote(out)}")
    )
    after = number(size)
    first = printed(head).split("\n")[0]
    return turn(
        f"{before} lines before, {after} after.",
        text=f'{out} has {after} lines (there were {before}); the first is "{first}".',
    )


LINES = Family(
    name="lines",
    knows="sort the lines of a file or drop duplicates",
    begin=begin,
    tools=frozenset({"terminal"}),
)
