"""Reading what tools gave back, whatever their exact wording.

The content is hostile: everything here gives a value or raises :class:`Puzzled`.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from hermes_run.models.simulated.steps import Puzzled, Result
from recorder.messages import Json

NUMBERED = re.compile(r"^\s*\d+\|(.*)$")
MATCH = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+):(?P<text>.*)$", re.MULTILINE)
COMPLAINT = re.compile(r"\s*(error|unknown tool|invalid|no such)\b[ :]", re.IGNORECASE)
SHOWN = 160


def read_result(content: Json) -> Result:
    """Read the content of a tool message: a terminal's JSON, other JSON, or plain text."""
    text = content if isinstance(content, str) else joined_parts(content)
    fields = as_object(text)
    if "output" in fields or "exit_code" in fields:
        shown = [fields.get("output"), fields.get("error")]
        said = "\n".join(part for part in shown if isinstance(part, str) and part)
        return Result(
            text=said, failed=fields.get("exit_code", 0) != 0 or bool(fields.get("error"))
        )
    if isinstance(fields.get("content"), str):
        return Result(text=fields["content"])
    if fields.get("error"):
        return Result(text=str(fields["error"]), failed=True)
    return Result(text=text, failed=COMPLAINT.match(text) is not None)


def as_object(text: str) -> dict[str, Any]:
    """Read a JSON object, giving an empty one for anything else."""
    if not text.startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def joined_parts(content: Json) -> str:
    """Join the text parts of a content list; anything else has no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = cast("list[Any]", content)
    texts = (cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def shorten(text: str) -> str:
    """Give the last line that says something, short enough to quote."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1].rstrip(".") if lines else "nothing"
    return last if len(last) <= SHOWN else f"{last[:SHOWN]}..."


def printed(result: Result) -> str:
    """Give what a command printed.

    Raises:
        Puzzled: the command failed.
    """
    if result.failed:
        raise Puzzled(f"a command failed: {shorten(result.text)}")
    return result.text


def number(result: Result) -> int:
    """Give the number a command printed first; `grep -c` that finds nothing prints 0 and fails.

    Raises:
        Puzzled: it printed none.
    """
    found = re.match(r"\s*(\d+)\b", result.text)
    if found is None:
        raise Puzzled(f"I expected a number and got: {shorten(result.text)}")
    return int(found[1])


def file_text(result: Result) -> str:
    """Give the text of a file from its numbered lines, ending in a newline unless it is empty.

    Raises:
        Puzzled: there are no numbered lines.
    """
    found = [NUMBERED.match(line) for line in result.text.split("\n")]
    lines = [line[1] for line in found if line is not None]
    if result.failed or (not lines and result.text.strip()):
        raise Puzzled(f"a file can't be read: {shorten(result.text)}")
    return "".join(f"{line}\n" for line in lines)


def matches(result: Result, folder: str) -> list[tuple[str, str]]:
    """Give the path and the line of every match in a content search.

    Raises:
        Puzzled: the search failed.
    """
    if result.failed:
        raise Puzzled(f"the search failed: {shorten(result.text)}")
    return [(inside(found["path"], folder), found["text"]) for found in MATCH.finditer(result.text)]


def names(result: Result, folder: str) -> list[str]:
    """Give the paths of a file search or a listing, sorted.

    Raises:
        Puzzled: it failed.
    """
    if result.failed:
        raise Puzzled(f"the search failed: {shorten(result.text)}")
    lines = [line.strip() for line in result.text.splitlines()]
    return sorted(inside(line, folder) for line in lines if re.search(r"\w\.\w+$", line))


def inside(path: str, folder: str) -> str:
    """Write a path relative to the workspace, as it may be to *folder* instead, or absolute."""
    folder = folder.removeprefix("./").rstrip("/")
    path = path.removeprefix("./")
    if folder in {"", "."}:
        return path
    if path.startswith("/"):
        found = path.find(f"/{folder}/")
        return path if found < 0 else path[found + 1 :]
    return path if path.startswith(f"{folder}/") else f"{folder}/{path}"
