"""The mistakes the policy makes now and then, and how it gets over them.

About one task in four begins with a mistake in its first call: a tool that does not exist, an
argument of the wrong name, arguments cut short, a file name with a letter missing. The next turn
reads the error and repeats the call as it should have been. A family may add mistakes of its own.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from hermes_run.models.simulated.phrases import PATH
from hermes_run.models.simulated.results import shorten
from hermes_run.models.simulated.steps import Call, Steps, call, turn

ONE_IN = 4
ODD_TOOLS = {"terminal": "run_shell", "read_file": "open_file", "search_files": "grep_files"}
ODD_NAMES = {"command": "cmd", "path": "filename", "pattern": "query"}
LESSONS = {
    "tool": "There is no tool of that name here; {tool} does this.",
    "name": "I gave an argument a name that {tool} does not know.",
    "json": "My arguments were cut short and were not valid JSON. I send them whole.",
    "path": "I misspelled the name; the task spells it differently.",
}


def draw(prompt: str, slips: tuple[str, ...]) -> str:
    """Say which mistake a task begins with, if any: a matter of its text alone."""
    ticket = zlib.crc32(prompt.encode("utf-8", "replace"))
    return slips[ticket // ONE_IN % len(slips)] if slips and ticket % ONE_IN == 0 else ""


def distort(right: Call, slip: str) -> Call:
    """Make the wrong version of a call."""
    if slip == "tool":
        return Call(ODD_TOOLS.get(right.name, f"{right.name}s"), right.arguments)
    if slip == "json":
        return Call(right.name, right.arguments[:-2])
    arguments: dict[str, Any] = json.loads(right.arguments)
    if slip == "name":
        odd = {ODD_NAMES.get(key, key): value for key, value in arguments.items()}
        return call(right.name, **odd)
    key = "path" if "path" in arguments else "command"
    return call(right.name, **{**arguments, key: misspell(arguments[key])})


def misspell(text: str) -> str:
    """Leave out a letter of the first file named in a text, or of its last word."""
    found = re.search(PATH, text)
    if found is None:
        return re.sub(r"(\w)\W*$", "", text)
    stem, dot, suffix = found[0].rpartition(".")
    return f"{text[: found.start()]}{stem[:-1] or stem * 2}{dot}{suffix}{text[found.end() :]}"


def stumble(steps: Steps, slip: str) -> Steps:
    """Go through *steps*, getting the first call of the first turn wrong and then right."""
    first = next(steps)
    if not first.calls:
        results = yield first
    else:
        right, *others = first.calls
        wrong = turn(first.reasoning, distort(right, slip), *others, text=first.text)
        missed, *kept = yield wrong
        lesson = LESSONS[slip].format(tool=right.name)
        again = yield turn(f"That did not work: {shorten(missed.text)}\n{lesson}", right)
        results = (*again, *kept)
    while True:
        try:
            following = steps.send(results)
        except StopIteration as end:
            return end.value
        results = yield following
