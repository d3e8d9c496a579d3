"""What a policy says: turns made of reasoning, calls and text, and the calls it can make.

A family's policy is a generator: it yields a turn, is sent that turn's results, and returns its
last turn. Nothing is kept between requests: the generator is run again over the results that stand
in the conversation, so the same conversation always gets the same next turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import TypeAlias

import msgspec

from recorder.messages import Json


class Call(msgspec.Struct, frozen=True):
    """A tool call; ``arguments`` is the raw text that goes over the wire."""

    name: str
    arguments: str


class Turn(msgspec.Struct, frozen=True):
    """One reply: what was thought, what is said, what is called."""

    reasoning: str
    calls: tuple[Call, ...] = ()
    text: str = ""


class Result(msgspec.Struct, frozen=True):
    """What a call gave back: its text, and whether it says that it failed."""

    text: str
    failed: bool = False


class Task(msgspec.Struct, frozen=True):
    """What the user asked for, and the mistake to begin with, if any."""

    prompt: str
    slip: str = ""


Steps: TypeAlias = Generator[Turn, tuple[Result, ...], Turn]
"""A task on its way: a turn comes out, its results (one a call, in order) go in."""


class Family(msgspec.Struct, frozen=True):
    """A kind of task.

    ``begin`` gives ``None`` for a task of another kind. ``tools`` are the ones it can't do
    without, ``slips`` the mistakes it may begin with.
    """

    name: str
    knows: str
    begin: Callable[[Task], Steps | None]
    tools: frozenset[str]
    slips: tuple[str, ...] = ("tool", "path", "name", "json")


class Puzzled(Exception):
    """What the tools gave back can't be used; the text says why."""


def turn(reasoning: str, *calls: Call, text: str = "") -> Turn:
    """Make a turn."""
    return Turn(reasoning=whole(reasoning), calls=calls, text=whole(text))


def call(name: str, **arguments: Json) -> Call:
    """Make a call of any tool."""
    return Call(name=name, arguments=whole(json.dumps(arguments, ensure_ascii=False)))


def whole(text: str) -> str:
    """Replace half surrogate pairs, which no JSON encoder of ours would write."""
    return text.encode("utf-8", "replace").decode()


def terminal(command: str) -> Call:
    """Run a shell command."""
    return call("terminal", command=command)


def read_file(path: str) -> Call:
    """Read a file with numbered lines."""
    return call("read_file", path=path)


def write_file(path: str, content: str) -> Call:
    """Write a whole file."""
    return call("write_file", path=path, content=content)


def patch(path: str, old: str, new: str) -> Call:
    """Replace the only place where *old* stands."""
    return call("patch", path=path, old_string=old, new_string=new)


def patch_all(path: str, old: str, new: str) -> Call:
    """Replace every place where *old* stands."""
    return call("patch", path=path, old_string=old, new_string=new, replace_all=True)


def search_text(pattern: str, path: str, file_glob: str = "") -> Call:
    """Search the content of files for a regular expression."""
    asked = {"pattern": pattern, "target": "content", "path": path}
    return call("search_files", **asked, **({"file_glob": file_glob} if file_glob else {}))


def search_names(pattern: str, path: str) -> Call:
    """Search for files by a glob of their name."""
    return call("search_files", pattern=pattern, target="files", path=path)
