"""Make a failing script run: run it, read the error, patch the line, run it again."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import PurePosixPath
from shlex import quote

from hermes_run.models.simulated.phrases import paths, phrase
from hermes_run.models.simulated.repairs import Fault, Repair, missing_file, rename_file, repair
from hermes_run.models.simulated.results import file_text, printed, shorten
from hermes_run.models.simulated.steps import (
    Family,
    Puzzled,
    Result,
    Steps,
    Task,
    Turn,
    patch,
    read_file,
    terminal,
    turn,
)

ASKED = phrase(
    r"\b(?:fix|repair|debug|crash(?:es|ed)?|fails?|failing|broken|does(?:n't| not) (?:run|work)|"
    r"get (?:it|\S+) (?:running|to run|working)|bugs?)\b"
)
INTERPRETERS = {"py": "python3", "sh": "bash"}
ATTEMPTS = 5


def begin(task: Task) -> Steps | None:
    """Take a task that calls a Python or shell script broken."""
    scripts = [path for path in paths(task.prompt) if path.rpartition(".")[2] in INTERPRETERS]
    if not scripts or not ASKED.search(task.prompt):
        return None
    return fix(scripts[0], slip=task.slip)


def fix(path: str, *, slip: str) -> Steps:
    """Run, read and patch until the script runs."""
    interpreter = INTERPRETERS[path.rpartition(".")[2]]
    run, read = terminal(f"{interpreter} {quote(path)}"), read_file(path)
    outcome, source = yield turn(
        f"I run {path} to see the error, and read it at the same time.", run, read
    )
    changes: list[str] = []
    for _ in range(ATTEMPTS):
        if not outcome.failed:
            how = f"Fixed {path} ({'; '.join(changes)})" if changes else f"{path} already ran"
            said = f"It prints: {shorten(outcome.text)}"
            return turn(f"It runs now. {said}", text=f"{how}. {said}")
        change = yield from understand(Fault(outcome.text, file_text(source), path))
        if slip == "old_string" and not changes:
            yield from patch_from_memory(path, change)
        yield turn(change.reason, patch(path, change.old, change.new))
        changes.append(change.reason)
        outcome, source = yield turn("Does it run now?", run, read)
    raise Puzzled(f"{path} still fails: {shorten(outcome.text)}")


def understand(fault: Fault) -> Generator[Turn, tuple[Result, ...], Repair]:
    """Find out what to change, looking around where a file is missing."""
    missing = missing_file(fault)
    if not missing:
        return repair(fault)
    parent = str(PurePosixPath(missing).parent)
    (listed,) = yield turn(
        f"It opens {missing}, which does not exist. What is there?",
        terminal(f"ls -1 {quote(parent)}"),
    )
    return rename_file(fault, printed(listed).split("\n"))


def patch_from_memory(path: str, change: Repair) -> Generator[Turn, tuple[Result, ...], None]:
    """Patch a line that is not quite the one in the file, and be told so."""
    (refused,) = yield turn(
        f"{change.reason}. I patch that line.", patch(path, f"{change.old}  # here", change.new)
    )
    yield turn(
        f"The text has to be the one in the file: {shorten(refused.text)}. I look again.",
        read_file(path),
    )


FIX = Family(
    name="fix",
    knows="fix a small script that fails",
    begin=begin,
    tools=frozenset({"terminal", "read_file", "patch"}),
    slips=("old_string", "path", "tool"),
)
