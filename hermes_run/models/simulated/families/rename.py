"""Rename the files of a folder by a rule."""

from __future__ import annotations

from shlex import quote

import msgspec

from hermes_run.models.simulated.phrases import QUOTED, folder, phrase
from hermes_run.models.simulated.results import printed
from hermes_run.models.simulated.steps import Call, Family, Puzzled, Steps, Task, terminal, turn

ASKED = phrase(r"\b(?:rename|file ?names?|names of (?:all |the )*files|extensions?)\b")
SUFFIXES = phrase(r"\.([a-z]\w*)\b.*?\b(?:to|into|become|with)\s+[`'\"]?\*?\.([a-z]\w*)\b")
LOWER = phrase(r"\blower ?-?case\b")
SPACES = phrase(r"\bspaces?\b")
DASH = phrase(r"\b(?:dash|dashes|hyphens?)\b")
PREFIX = phrase(r"\b(?:prefix|in front|begins?|starts?)\b")
AT_ONCE = 4


class Rule(msgspec.Struct, frozen=True):
    """How a name is made from the old one: ``kind`` says how ``old`` and ``new`` are meant."""

    kind: str
    old: str = ""
    new: str = ""


def begin(task: Task) -> Steps | None:
    """Take a task that asks to rename the files of a folder by a rule it knows."""
    where, rule = folder(task.prompt), rule_of(task.prompt)
    if not ASKED.search(task.prompt) or not where or rule is None:
        return None
    return rename(where, rule)


def rule_of(prompt: str) -> Rule | None:
    """Read the rule."""
    if LOWER.search(prompt):
        return Rule("lower")
    if SPACES.search(prompt):
        return Rule("replace", " ", "-" if DASH.search(prompt) else "_")
    words = ["".join(groups) for groups in QUOTED.findall(prompt)]
    words = [word for word in words if "/" not in word and not word.lstrip("*").startswith(".")]
    if PREFIX.search(prompt) and words:
        return Rule("prefix", new=words[0])
    if len(words) > 1:
        return Rule("replace", words[0], words[1])
    suffixes = SUFFIXES.search(prompt)
    return Rule("suffix", f".{suffixes[1]}", f".{suffixes[2]}") if suffixes else None


def apply_rule(rule: Rule, name: str) -> str:
    """Make the new name; a name the rule does not fit stays."""
    if rule.kind == "lower":
        return name.lower()
    if rule.kind == "prefix":
        return name if name.startswith(rule.new) else f"{rule.new}{name}"
    if rule.kind == "suffix":
        fits = name.endswith(rule.old)
        return f"{name.removesuffix(rule.old)}{rule.new}" if fits else name
    return name.replace(rule.old, rule.new)


def rename(where: str, rule: Rule) -> Steps:
    """List the folder, move what the rule changes, list it again."""
    look = terminal(f"ls -1 {quote(where)}")
    (listed,) = yield turn(f"What is in {where}?", look)
    before = [name for name in printed(listed).split("\n") if name.strip()]
    moves = {name: apply_rule(rule, name) for name in before}
    moves = {old: new for old, new in moves.items() if old != new}
    if not moves:
        raise Puzzled(f"no file in {where} needs another name")
    if len({moves.get(name, name) for name in before}) < len(before):
        raise Puzzled("two files would get the same name")
    moved = yield turn(
        f"{len(moves)} of {len(before)} names change; no two become the same.",
        *move(where, moves),
    )
    for result in moved:
        printed(result)
    (listed,) = yield turn("Let me look at the folder again.", look)
    after = set(printed(listed).split("\n"))
    if not set(moves.values()) <= after:
        raise Puzzled(f"{where} does not show all new names")
    renamed = ", ".join(f"{old} to {new}" for old, new in list(moves.items())[:3])
    more = "" if len(moves) <= 3 else f" and {len(moves) - 3} more"
    return turn("All are there.", text=f"Renamed {renamed}{more} in {where}.")


def move(where: str, moves: dict[str, str]) -> list[Call]:
    """Write the commands: one a file where there are few, else all in one."""
    commands = [
        f"mv -n -- {quote(f'{where}/{old}')} {quote(f'{where}/{new}')}"
        for old, new in moves.items()
    ]
    if len(commands) <= AT_ONCE:
        return [terminal(command) for command in commands]
    return [terminal(" && ".join(commands))]


RENAME = Family(
    name="rename",
    knows="rename the files of a folder by a rule",
    begin=begin,
    tools=frozenset({"terminal"}),
)
