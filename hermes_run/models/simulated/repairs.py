"""What an error message says about a script, and which line to change because of it.

Each rule belongs to one wording of CPython or bash. A rule sees the message and the line it points
at and gives the line as it should be, or ``None`` where it has no idea.
"""

from __future__ import annotations

import builtins
import difflib
import keyword
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

import msgspec

from hermes_run.models.simulated.results import shorten
from hermes_run.models.simulated.steps import Puzzled

COMMANDS = ("cat", "cp", "cut", "date", "echo", "grep", "head", "ls", "mkdir", "mv", "sed", "sort")
LONGEST = 60
BLOCKS = ("def", "class", "if", "elif", "else", "for", "while", "with", "try", "except", "finally")


class Fault(msgspec.Struct, frozen=True):
    """A script that failed: what it printed, its text, its path."""

    printed: str
    source: str
    path: str


class Repair(msgspec.Struct, frozen=True):
    """A change of a script's text, and why."""

    old: str
    new: str
    reason: str


Rule = Callable[[re.Match[str], str, Fault], str | None]


def repair(fault: Fault) -> Repair:
    """Find the change an error message asks for.

    Raises:
        Puzzled: no rule fits.
    """
    unimported = re.search(r"NameError: name '(\w+)' is not defined", fault.printed)
    if unimported and unimported[1] in sys.stdlib_module_names:
        return add_import(fault, unimported[1])
    place = place_of(fault)
    line = fault.source.split("\n")[place]
    for pattern, rule in RULES:
        found = re.search(pattern, fault.printed, re.MULTILINE)
        better = rule(found, line, fault) if found else None
        if found and better is not None and better != line:
            return change_line(fault, place, better, shorten(found[0]))
    raise Puzzled(f"I don't know how to repair this: {shorten(fault.printed)}")


def add_import(fault: Fault, module: str) -> Repair:
    """Import a module above the other imports, or above the first line."""
    lines = fault.source.split("\n")
    imports = [at for at, line in enumerate(lines) if re.match(r"(?:import|from) ", line)]
    code = [at for at, line in enumerate(lines) if not line.startswith("#!")]
    place = (*imports, *code)[0]
    added = f"import {module}\n{lines[place]}"
    return change_line(fault, place, added, f"{module} is not imported")


def missing_file(fault: Fault) -> str:
    """Name the file a script misses, or nothing if that is not its trouble."""
    found = re.search(r"No such file or directory: '([^'\n]+)'", fault.printed)
    return found[1] if found else ""


def rename_file(fault: Fault, listed: list[str]) -> Repair:
    """Name the file that is there instead of the one that is not.

    Raises:
        Puzzled: nothing there has a name like it.
    """
    missing = PurePosixPath(missing_file(fault))
    near = closest(missing.name, listed)
    if near is None or missing.name not in fault.source:
        raise Puzzled(f"there is nothing like {missing} here")
    lines = fault.source.split("\n")
    place = next(at for at, line in enumerate(lines) if missing.name in line)
    better = lines[place].replace(missing.name, near)
    return change_line(fault, place, better, f"There is no {missing.name} but {near}")


def place_of(fault: Fault) -> int:
    """Give the index of the line the message points at: the last one of this script.

    Raises:
        Puzzled: it points at none.
    """
    name = re.escape(PurePosixPath(fault.path).name)
    found = re.findall(rf"{name}(?:\", line |: line )(\d{{1,6}})", fault.printed)
    place = int(found[-1]) if found else 0
    if not 0 < place <= fault.source.count("\n") + 1:
        raise Puzzled(f"the error names no line: {shorten(fault.printed)}")
    return place - 1


def change_line(fault: Fault, place: int, better: str, reason: str) -> Repair:
    """Make the change of a line, with as many lines around it as make it stand there once."""
    lines = fault.source.split("\n")
    first, end = place, place + 1
    while fault.source.count("\n".join(lines[first:end])) > 1:
        first, end = (first - 1, end) if first else (first, end + 1)
    before, after = lines[first:place], lines[place + 1 : end]
    return Repair(
        old="\n".join(lines[first:end]),
        new="\n".join([*before, better, *after]),
        reason=reason,
    )


def closest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word most like a misspelled one; comparing takes the square of the length."""
    short = sorted(other for other in set(known) - {word} if len(other) <= LONGEST)
    close = difflib.get_close_matches(word[:LONGEST], short, n=1)
    return close[0] if close else None


def swap(line: str, word: str, better: str | None) -> str | None:
    """Replace a whole word of a line."""
    return re.sub(rf"\b{re.escape(word)}\b", better, line) if better else None


def unknown_name(found: re.Match[str], line: str, fault: Fault) -> str | None:
    """Take the nearest name there is."""
    name = found[1]
    words = set(re.findall(r"[A-Za-z_]\w*", fault.source)) - set(keyword.kwlist)
    return swap(line, name, closest(name, words | set(dir(builtins))))


def unknown_attribute(found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """Take the nearest attribute of a built-in type."""
    owner = getattr(builtins, found[1], None)
    return swap(line, found[2], closest(found[2], set(dir(owner)))) if owner else None


def unknown_module(found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """Take the nearest module of the standard library."""
    return swap(line, found[1], closest(found[1], set(sys.stdlib_module_names)))


def missing_colon(_found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """End the head of a block with a colon."""
    head = line.partition("#")[0].rstrip()
    opens = re.match(r"\s*(\w+)", head)
    return f"{head}:" if opens and opens[1] in BLOCKS and not head.endswith(":") else None


def open_bracket(found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """Close a bracket at the end of its line."""
    return line.rstrip() + {"(": ")", "[": "]", "{": "}"}[found[1]]


def text_and_number(_found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """Turn what is added to a string into one."""
    better = re.sub(
        r"(['\"]\s*\+\s*)(?!str\b)(\w+(?:\((?:[^()]|\([^()]*\))*\))?)(?![\w(.\[])",
        r"\1str(\2)",
        line,
        count=1,
    )
    return better if better != line else None


def unknown_command(found: re.Match[str], line: str, _fault: Fault) -> str | None:
    """Take the nearest command a shell script could mean."""
    return swap(line, found[1], closest(found[1], COMMANDS))


def unknown_key(found: re.Match[str], line: str, fault: Fault) -> str | None:
    """Take the nearest string the script has elsewhere."""
    elsewhere = set(re.findall(r"['\"]([\w -]+)['\"]", fault.source))
    return swap(line, found[1], closest(found[1], elsewhere))


RULES: tuple[tuple[str, Rule], ...] = (
    (r"^NameError: name '(\w+)' is not defined.*", unknown_name),
    (r"^AttributeError: '(\w+)' object has no attribute '(\w+)'.*", unknown_attribute),
    (r"^ModuleNotFoundError: No module named '(\w+)'.*", unknown_module),
    (r"^SyntaxError: (?:expected ':'|invalid syntax).*", missing_colon),
    (r"^SyntaxError: '([(\[{])' was never closed.*", open_bracket),
    (r"^TypeError: can only concatenate str \(not .*", text_and_number),
    (r"^KeyError: ['\"]([\w -]+)['\"].*", unknown_key),
    (r"line \d+: (\w+): command not found", unknown_command),
)
