"""A row of the examples, and the commands that judge whether its work was done."""

from __future__ import annotations

import json
import shlex
from typing import Any

Row = dict[str, Any]


def task(name: str, prompt: str, workspace: dict[str, str], verify: str, **metadata: object) -> Row:
    """Make a row; its id is the family and a number."""
    row = {"id": name, "prompt": prompt, "workspace": workspace, "verify": verify}
    return {**row, "metadata": metadata} if metadata else row


def text(block: str) -> str:
    """Take the text of a block that is written from the second line on."""
    return block.removeprefix("\n")


def says(path: str, content: str) -> str:
    """Judge by the content of a file, whatever newlines are at its end."""
    return f'test "$(cat {shlex.quote(path)})" = {shlex.quote(content.rstrip())}'


def python(code: str) -> str:
    """Judge by a Python statement."""
    return f"python3 -c {shlex.quote(code)}"


def figure(path: str, expected: object) -> str:
    """Judge by a number in a file, however many zeros it ends in."""
    return python(f"assert abs(float(open({path!r}).read()) - {expected}) < 1e-6")


def holds_json(path: str, expected: object) -> str:
    """Judge by the JSON value in a file."""
    value = json.dumps(expected, ensure_ascii=False)
    return python(f"import json; assert json.load(open({path!r})) == json.loads({value!r})")


def prints(command: str, output: str) -> str:
    """Judge by what a command prints, and by its exit status."""
    return f'out=$({command} 2>/dev/null) && test "$out" = {shlex.quote(output.rstrip())}'


def lists(folder: str, names: list[str]) -> str:
    """Judge by the names in a folder."""
    return python(f"import os; assert sorted(os.listdir({folder!r})) == {sorted(names)!r}")


def all_of(*judgements: str) -> str:
    """Judge by several commands."""
    return " && ".join(judgements)


def same(files: dict[str, str]) -> str:
    """Judge by files that must not have changed."""
    return python(f"assert all(open(p).read() == t for p, t in {files!r}.items())")
